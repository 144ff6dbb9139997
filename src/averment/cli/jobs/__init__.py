"""Entry scripts for those who run jobs: alone in their folder, which Python puts before everything else."""
