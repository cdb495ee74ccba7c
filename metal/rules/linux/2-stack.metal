rule "linux.stack" {
  severity: warning;
  text: "No large variables on the kernel stack, which is 16 KiB with all that is called.";
  category: "CWE-770";
  example: "char page[4096];";
  fix: "Allocate it with kmalloc, or make it static where only one caller can be here.";
  false_positives: "Functions that run once at start, before anything deep can be on the stack.";
}
sm stack {
  set limit = 1024;
  set frame_limit = 2048;
  start: $variable$ && ${ mc_variable_size() >= limit } ==>
      { err("%s takes %d bytes of the kernel stack", mc_variable_name(), mc_variable_size()); }
    | $start_of_path$ && ${ mc_frame_size() >= frame_limit && mc_largest_variable() < limit } ==>
      { err("the variables of this function take %d bytes of the kernel stack", mc_frame_size()); };
}
