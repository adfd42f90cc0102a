"""Questions asked of a posterior, one file each."""
