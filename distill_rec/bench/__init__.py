"""How quick an exported student is on this machine, and how near to what the machine can do; light install."""
