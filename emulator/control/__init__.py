"""Control: what a test sees of an emulator, and does to it, beside the platform's own HTTP."""
