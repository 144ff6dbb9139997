"""What a repository has to do with synthetic media, looked at before anybody has said anything: for ``averment init``."""
