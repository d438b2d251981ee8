"""Several teachers as one: trained one by one, weighed on validation data, their vectors laid side by side."""
