"""PLM trunks: loading, the frozen-prefix cache, encoders that run them."""
