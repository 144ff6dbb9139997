"""Terraform and OpenTofu configurations as a surface.

1. ``syntax``: the blocks of a folder's files, native and JSON; nothing evaluated.
2. ``values``: what exists only while Terraform is evaluated, and the scope that names are looked up in.
3. ``functions``: Terraform's functions on evaluated values; pure.
4. ``evaluation``: the value of an expression and of a block, files and templates included.
5. ``modules``: a module as it is called, with variables, locals, child modules, data sources and instances.
6. ``settings``, ``hints``: what surrounds a root module; what tfparse (in a child process, ``hints_child``) knows more.
7. ``resources``, ``closure``, ``root_graph``: the resources of a root module, what its reading hangs on, and its graph.
8. ``roots``, ``units``, ``surface``: which folders are root modules, and each of them as a unit of the check.

Imports go one way, from the last to the first.
"""
