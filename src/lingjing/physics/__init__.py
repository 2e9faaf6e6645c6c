"""Pure functions and kernels: numbers in, numbers out."""
