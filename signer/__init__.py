"""The signer: the one process that can open a key. `manage.py signer`."""
