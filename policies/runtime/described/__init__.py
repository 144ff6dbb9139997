"""What AWS Config doesn't record, asked of the services: one module for each family of them."""
