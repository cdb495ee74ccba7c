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
int looks();
void gives_back(mm::BlockPool& pool, mm::BlockNumber b);
mm::Table* made();
}
