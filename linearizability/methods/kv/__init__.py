"""Versioned key/value decided in O(n log n): a path of interval constraints instead of a search.

The version of a key only grows, by one, so a run is described by the instants t_0 <= t_1 <= ...
at which version v becomes v + 1. Version v holds from t_{v-1} to t_v, and every operation is a
constraint on these two neighbours:

    Get -> (x, v)            t_v >= call  and  t_{v-1} <= ret
    Get or Put -> ErrNoKey   t_0 >= call
    Put(x, u) -> OK          t_u in [call, ret]
    Put(x, u) -> ErrVersion  call <= t_{u-1}  or  t_u <= ret
    Put(x, u) -> ErrMaybe    may be transition u; strictly, also the line above
    Put(x, u), open          may be transition u, from its call on

A path of constraints is solved exactly by pushing the set of feasible instants along it. Where the
server answers ErrNoKey for missing keys, a refusal also says that the key existed: t_0 <= ret, or
t_1 <= ret if u is 1.

Instants that solve all constraints are a linearization: put the operation chosen for transition v
at t_v, each Get of version v between t_{v-1} and t_v, and each refused Put on the side of epoch u
that its constraint names. No paper was found with this method; the nearest is Rystsov's
fast-jepsen, after Gibbons and Korach 1997.
"""
