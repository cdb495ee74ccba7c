#pragma once
void discard(N* n);
char* obtain();
void hand_over(Text& t);
