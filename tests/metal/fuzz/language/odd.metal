{ #include "x.h" }
rule "a.b" { severity error; text "t"; category "CWE-1"; fix "f"; }
sm s { decl { unsigned } f; state decl any_pointer v; decl any_arguments args; decl any_fn_call fn;
  pat p = { cli(); } | ${ mc_is_call_to(fn, "gets") } && { fn(args) };
  a: p ==> b, { err("%s \"\\", mc_identifier(v)); if (x > 1) { note("n"); } else { x = x - 1; } } | $end_of_path$ ==> true = a, false = v.stop;
  v.c: { *v } || ! { v[1] } ==> v.stop; }
