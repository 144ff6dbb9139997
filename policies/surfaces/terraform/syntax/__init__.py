"""What Terraform files say, as blocks and syntax nodes; nothing is evaluated here."""
