rule "quire.stack" {
  severity: warning;
  text: "Kernel threads have small stacks: no variable of 16 KiB or more, and no frame of 32.";
  category: "CWE-770";
  example: "u8 buffer[64 * 1024];";
  fix: "Allocate it, or keep it in the object.";
  false_positives: "Code that only runs on the main thread of a command-line tool.";
}
sm quire_stack {
  set limit = 16384;
  set frame_limit = 32768;
  start: $variable$ && ${ mc_variable_size() >= limit } ==> { err("%s takes %d bytes of the stack", mc_variable_name(), mc_variable_size()); }
    | $start_of_path$ && ${ mc_frame_size() >= frame_limit && mc_largest_variable() < limit } ==>
        { err("the variables of this function take %d bytes of the stack", mc_frame_size()); };
}
