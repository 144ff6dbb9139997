"""The embedded AWS: moto's server in one process on a loopback port, with back ends for what moto lacks or gets wrong."""
