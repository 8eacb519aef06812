"""What work costs as there is more of everything else."""
