"""Pure functions and kernels: numbers in, numbers out.

No files, no clock, no chance but a generator that comes in; every argument carries its unit in its
name, and its range, origin and faults in its docstring. Import what you need from its module:

- `humidity`, `radiation`, `film`: air, sun, sky, and how heat leaves a surface
- `road`, `road_condition`, `brine`, `shading`, `coupling`: roads, their salt, walls and sensors
- `pipes`, `pipe_sizes`, `pipe_coupling`, `tanks`, `freezing`: water that stands in the cold
- `materials`, `sampling`: what things are made of, and samples of what is uncertain
"""
