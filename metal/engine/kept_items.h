// What one machine found out about each item, as bytes: so that a later run solves again only what an edit
// can have changed. Names, places and functions are written out, since their numbers differ from run to run.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "metal/engine/item.h"

namespace quire::metal {

/// What is to be thought of a kept item.
enum class Trust : u8 {
  kUnknown,
  kSound,     ///< neither it nor anything that it rests on has changed
  kDoubtful,  ///< something that it rests on has
  kChanged,   ///< its function, or what its walk reads of others, is not what it was
};

/// An item as kept. Its demands and marks (ItemId) are places in the list of kept items.
struct KeptItem {
  Summary found;
  ContentHash fingerprint{};  ///< of its function, then
  Trust trust = Trust::kUnknown;
  bool taken = false;  ///< it is an item of this run now, and `found` but for its key is there
};

/// What the survey found out about a function.
struct KeptSurvey {
  u64 key = 0;  ///< of all that it rests on
  bool relevant = false, touches_any = false;
  u8 cut = 0;
  std::vector<Candidate> candidates;
  std::vector<std::pair<i32, Birth>> births;
  std::vector<std::pair<i32, PlaceId>> touched;
};

using KeptSurveys = std::vector<std::pair<FunctionId, KeptSurvey>>;

/// All that one machine keeps.
struct Kept {
  std::vector<KeptItem> items;
  KeptSurveys surveys;  ///< of functions that are still there
};

/// Numbers of one run and what they stand for, both ways.
struct ItemNames {
  const Program& program;
  Places& places;
  /// Of a function and of all that its walk reads elsewhere but for items.
  std::function<ContentHash(FunctionId)> fingerprint;  ///< for writing
  std::function<u32(const std::string&)> key_number;   ///< of statistics
  std::function<const std::string&(u32)> key_text;
};

/// The items of `list`, in that order, and `surveys`. `number` tells where another item stands among them, or
/// kNoItem's value.
std::string write_items(const std::vector<const Summary*>& list, const KeptSurveys& surveys,
                        const std::function<u32(ItemId)>& number, const ItemNames& names);

/// The reverse, in the terms of this run. Items of functions that are gone have FunctionId kNoFunction and
/// are changed. Nothing when the bytes make no sense.
std::optional<Kept> read_items(std::string_view bytes, const ItemNames& names);

}  // namespace quire::metal
