"""How much of a trunk learns: one tuning per file, found through the entry points `distill_rec.tunings`."""

import logging

# peft imports bitsandbytes where it is installed, which then warns of a kernel of the hub's that nothing here asks for.
logging.getLogger("bitsandbytes.backends.cpu.ops").setLevel(logging.ERROR)
