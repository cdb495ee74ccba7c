// The lock checker with trylock: where the transition leads depends on what the call returns.
state decl any_pointer l;

start: { trylock(l) } ==> true = l.locked, false = l.stop
     | { lock(l) } ==> l.locked
     | { unlock(l) } ==> { err("releasing unacquired lock %s!", mc_identifier(l)); };

l.locked: { lock(l) } ==> l.stop, { err("double acquire of %s!", mc_identifier(l)); }
        | { trylock(l) } ==> l.stop, { err("double acquire of %s!", mc_identifier(l)); }
        | { unlock(l) } ==> l.stop
        | $end_of_path$ ==> l.stop, { err("%s is not released!", mc_identifier(l)); };
