// The free checker, in the dialect of 2002: no `sm` around it.
state decl any_pointer v;

start: { kfree(v) } ==> v.freed;

v.freed: { *v } ==> v.stop, { err("using %s after free!", mc_identifier(v)); }
       | { kfree(v) } ==> v.stop, { err("double free of %s!", mc_identifier(v)); };
