#include "kernel/platform/native/instruction.h"

namespace quire::platform::native {
namespace {

enum class Form : u8 { none, modrm, imm8, imm16, imm32, modrm_imm8, modrm_imm32, special, invalid };

Form one_byte_form(unsigned op) {
  using enum Form;
  if (op < 0x40) {
    constexpr Form forms[] = {modrm, modrm, modrm, modrm, imm8, imm32, invalid, invalid};
    return forms[op & 7];
  }
  if (op < 0x60) return none;  // 40..4f are prefixes, taken before
  if (op >= 0x70 && op < 0x80) return imm8;
  if (op >= 0xb0 && op < 0xb8) return imm8;
  if (op >= 0xb8 && op < 0xc0) return special;
  if (op >= 0xd8 && op < 0xe0) return modrm;
  if (op >= 0xe0 && op < 0xe4) return imm8;
  switch (op) {
    case 0x63:
    case 0x84 ... 0x8f:
    case 0xd0 ... 0xd3:
    case 0xfe:
    case 0xff:
      return modrm;
    case 0x68:
    case 0xa9:
    case 0xe8:
    case 0xe9:
      return imm32;
    case 0x69:
    case 0x81:
    case 0xc7:
      return modrm_imm32;
    case 0x6a:
    case 0xa8:
    case 0xcd:
    case 0xeb:
      return imm8;
    case 0x6b:
    case 0x80:
    case 0x83:
    case 0xc0:
    case 0xc1:
    case 0xc6:
      return modrm_imm8;
    case 0x90 ... 0x99:
    case 0x9b ... 0x9f:
    case 0xa4 ... 0xa7:
    case 0xaa ... 0xaf:
    case 0xc3:
    case 0xc9:
    case 0xcc:
    case 0xf1:
    case 0xf5:
    case 0xf8:
    case 0xf9:
    case 0xfc:
    case 0xfd:
      return none;
    case 0xc2:
      return imm16;
    case 0xa0 ... 0xa3:
    case 0xf6:
    case 0xf7:
      return special;
    default:
      return invalid;  // those that 64-bit mode lacks, privileged ones, far returns, ENTER, XLAT
  }
}

Form two_byte_form(unsigned op) {
  using enum Form;
  switch (op) {
    case 0x05:
    case 0x0b:
    case 0x0e:
    case 0x31:
    case 0x77:
    case 0xa0:
    case 0xa1:
    case 0xa2:
    case 0xa8:
    case 0xa9:
    case 0xc8 ... 0xcf:
      return none;
    case 0x80 ... 0x8f:
      return imm32;
    case 0x0f:
    case 0x70 ... 0x73:
    case 0xa4:
    case 0xac:
    case 0xba:
    case 0xc2:
    case 0xc4 ... 0xc6:
      return modrm_imm8;
    case 0x02 ... 0x04:
    case 0x06 ... 0x0a:
    case 0x0c:
    case 0x20 ... 0x27:
    case 0x30:
    case 0x32 ... 0x37:
    case 0x39:
    case 0x3b ... 0x3f:
    case 0xaa:
      return invalid;
    default:
      return modrm;
  }
}

/// Bytes one at a time, never beyond the end.
class Bytes {
 public:
  explicit Bytes(std::span<const std::byte> code) : code_(code) {}
  bool more() const { return at_ < code_.size() && at_ < 15; }
  u8 peek() const { return static_cast<u8>(code_[at_]); }
  u8 next() { return more() ? static_cast<u8>(code_[at_++]) : (failed_ = true, u8{0}); }
  void skip(unsigned n) {
    at_ += n;
    failed_ |= at_ > code_.size() || at_ > 15;
  }
  unsigned at() const { return at_; }
  bool failed() const { return failed_; }

 private:
  std::span<const std::byte> code_;
  unsigned at_ = 0;
  bool failed_ = false;
};

void take_modrm(Bytes& in, Instruction& i) {
  i.has_modrm = true;
  i.modrm = in.next();
  const unsigned mod = i.modrm >> 6, rm = i.modrm & 7;
  if (mod == 3) return;
  if (rm == 4) i.sib = in.next();
  if (mod == 1) i.displacement = static_cast<i8>(in.next());
  if (mod == 2 || (mod == 0 && (rm == 5 || (rm == 4 && (i.sib & 7) == 5)))) {
    u32 v = 0;
    for (unsigned shift = 0; shift < 32; shift += 8) v |= u32{in.next()} << shift;
    i.displacement = static_cast<i32>(v);
  }
  i.rip_relative = mod == 0 && rm == 5;
}

void take_vector(Bytes& in, Instruction& i, u8 first) {
  i.vector = true;
  i.map = 1;
  if (first == 0xc4) i.map = in.next() & 0x1f;
  if (first == 0x62) {
    i.map = in.next() & 7;
    in.skip(1);
  }
  in.skip(1);
  i.opcode = in.next();
  if (i.map == 1 && i.opcode == 0x77) return;
  take_modrm(in, i);
  if (i.map == 3 || (i.map == 1 && two_byte_form(i.opcode) == Form::modrm_imm8)) in.skip(1);
}

/// Opcodes whose ModRM byte chooses the instruction, and chooses none.
bool lacks_extension(const Instruction& i) {
  if (i.map != 0 || i.vector || !i.has_modrm) return false;
  const unsigned choice = i.modrm >> 3 & 7;
  if (i.opcode == 0xc6 || i.opcode == 0xc7) return choice != 0 && i.modrm != 0xf8;
  return (i.opcode == 0x8f && choice != 0) || (i.opcode == 0xfe && choice > 1) ||
         (i.opcode == 0xff && choice == 7);
}

}  // namespace

Instruction decode(std::span<const std::byte> code) {
  Instruction i;
  Bytes in(code);
  bool size16 = false, address32 = false;
  for (; in.more(); in.skip(1)) {
    const u8 b = in.peek();
    const bool segment = b == 0x26 || b == 0x2e || b == 0x36 || b == 0x3e || b == 0x64 || b == 0x65;
    if (!segment && b != 0x66 && b != 0x67 && b != 0xf0 && b != 0xf2 && b != 0xf3) break;
    i.legacy_prefix = true;
    size16 |= b == 0x66;
    address32 |= b == 0x67;
  }
  if (in.more() && (in.peek() & 0xf0) == 0x40) i.rex = in.next();
  const u8 first = in.next();
  const unsigned immediate = size16 && (i.rex & 8) == 0 ? 2 : 4;
  Form form;
  if (first == 0xc4 || first == 0xc5 || first == 0x62) {
    if (i.rex != 0) return {};
    take_vector(in, i, first);
    form = Form::none;
  } else if (first == 0x0f) {
    i.map = 1;
    i.opcode = in.next();
    form = two_byte_form(i.opcode);
    if (i.opcode == 0x38 || i.opcode == 0x3a) {
      i.map = i.opcode == 0x38 ? 2 : 3;
      form = i.map == 2 ? Form::modrm : Form::modrm_imm8;
      i.opcode = in.next();
    }
  } else {
    i.opcode = first;
    form = one_byte_form(first);
  }
  if (form == Form::invalid) return {};
  if (form == Form::modrm || form == Form::modrm_imm8 || form == Form::modrm_imm32) take_modrm(in, i);
  switch (form) {
    case Form::imm8:
    case Form::modrm_imm8:
      in.skip(1);
      break;
    case Form::imm16:
      in.skip(2);
      break;
    case Form::imm32:
    case Form::modrm_imm32:
      // Branches have 32 bits whatever the prefix.
      in.skip((i.map == 0 && (i.opcode == 0xe8 || i.opcode == 0xe9)) || i.map == 1 ? 4 : immediate);
      break;
    case Form::special:
      if (i.opcode >= 0xb8 && i.opcode < 0xc0) in.skip((i.rex & 8) != 0 ? 8 : immediate);
      if (i.opcode >= 0xa0 && i.opcode < 0xa4) in.skip(address32 ? 4 : 8);
      if (i.opcode == 0xf6 || i.opcode == 0xf7) {
        take_modrm(in, i);
        if ((i.modrm >> 3 & 7) < 2) in.skip(i.opcode == 0xf6 ? 1 : immediate);
      }
      break;
    default:
      break;
  }
  if (in.failed() || lacks_extension(i)) return {};
  i.length = static_cast<u8>(in.at());
  i.last_byte = static_cast<u8>(code[in.at() - 1u]);
  return i;
}

namespace {

/// Plain moves and arithmetic between registers, memory and immediates.
bool plain(const Instruction& i) {
  if (i.length == 0 || i.vector || i.legacy_prefix || i.rip_relative) return false;
  const unsigned op = i.opcode;
  if (i.map == 1)
    return (op >= 0x40 && op < 0x50) || op == 0x1f || op == 0xb6 || op == 0xb7 || op == 0xbe || op == 0xbf;
  if (i.map != 0) return false;
  if (op < 0x40) return true;
  switch (op) {
    case 0x63:
    case 0x80:
    case 0x81:
    case 0x83 ... 0x85:
    case 0x88 ... 0x8b:
    case 0x8d:
    case 0xa8:
    case 0xa9:
    case 0xb0 ... 0xbf:
    case 0xc0:
    case 0xc1:
    case 0xd0 ... 0xd3:
      return true;
    case 0xc6:
    case 0xc7:
      return (i.modrm >> 3 & 7) == 0;
    case 0xf6:
    case 0xf7:
      return (i.modrm >> 3 & 7) < 4;
    default:
      return false;
  }
}

bool is_group(const Instruction& i) {
  const unsigned op = i.opcode;
  return i.map == 0 && (op == 0x80 || op == 0x81 || op == 0x83 || op == 0xc0 || op == 0xc1 ||
                        (op >= 0xc6 && op <= 0xc7) || (op >= 0xd0 && op <= 0xd3) || op == 0xf6 || op == 0xf7);
}

}  // namespace

bool movable_keeping_rax(const Instruction& i) {
  constexpr unsigned rax = 0, rsp = 4;
  if (!plain(i)) return false;
  if (!i.has_modrm) {
    // Immediates to registers; those to the accumulator only where they just compare.
    if (i.map == 0 && i.opcode >= 0xb0 && i.opcode < 0xc0) {
      const unsigned reg = (i.opcode & 7u) | ((i.rex & 1u) << 3);
      return reg != rax && reg != rsp && (i.opcode >= 0xb8 || reg > 7);
    }
    return i.map == 0 && (i.opcode == 0xa8 || i.opcode == 0xa9 || i.opcode == 0x3c || i.opcode == 0x3d);
  }
  // A register operand may be the destination, whichever it is. Byte registers 4..7 without REX are
  // ah, ch, dh and bh.
  auto harmless = [&](unsigned reg) { return reg != rax && reg != rsp; };
  if (i.register_operand() && !harmless(i.rm())) return false;
  return is_group(i) || harmless(i.reg());
}

bool movable_without_memory(const Instruction& i) {
  constexpr unsigned rsp = 4;
  if (!plain(i)) return false;
  if (!i.has_modrm) return i.map == 0 && i.opcode != 0xbc;
  return i.register_operand() && i.rm() != rsp && (is_group(i) || i.reg() != rsp);
}

}  // namespace quire::platform::native
