#pragma once
namespace quire {
struct Shared {
  Mutex<locks::process> process;
  Mutex<locks::frames> frames;
};
void takes_process(Shared& s);
void takes_frames(Shared& s);
void rests();
void begin(Shared& s);
void finish(Shared& s);
u32 reads(const char* p);
mm::Table* made();
}
