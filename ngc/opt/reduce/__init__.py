"""`ngc-opt reduce`: makes a graph, its shapes and its pipeline as small as they can be while a check still finds them interesting.

Delta debugging: each kind of reduction (`ngc.opt.reduce.kinds`) lists candidates, the largest steps first; a candidate that is valid IR and still
interesting takes the place of what it was made from, until a whole round of all kinds finds none.
"""
