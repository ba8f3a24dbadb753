"""What pytest loads of the distribution, under a name that no module of a project has."""
