#include "jffs2/tool/command_line.h"

int main(int argc, char** argv) { return quire::jffs2::command_line(argc, argv); }
