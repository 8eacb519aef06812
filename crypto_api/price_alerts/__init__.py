"""What people want to be told about prices."""
