// A callout names the function: any call whose callee is gets.
decl any_fn_call fn;
decl any_arguments args;

start: { fn(args) } && ${ mc_is_call_to(fn, "gets") } ==> { err("gets cannot be used safely"); };
