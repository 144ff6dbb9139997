"""What a graph comes to for AWS Config once it is deployed: the configuration items of its resources."""
