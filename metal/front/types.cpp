#include "metal/front/types.h"

#include <clang/AST/DeclTemplate.h>
#include <clang/AST/RecordLayout.h>
#include <clang/Basic/FileManager.h>
#include <clang/Basic/SourceManager.h>
#include <clang/Basic/TargetInfo.h>
#include <llvm/Support/Path.h>

namespace quire::metal {

Names::Names(clang::ASTContext& context, Symbols& symbols)
    : context_(context),
      symbols_(symbols),
      policy_(context.getLangOpts()),
      mangler_(context.createMangleContext()) {
  policy_.SuppressUnwrittenScope = true;
  policy_.FullyQualifiedName = true;
  policy_.PrintCanonicalTypes = true;
}

Symbol Names::file(clang::FileID file) {
  if (const auto it = files_.find(file); it != files_.end()) return it->second;
  const clang::SourceManager& sm = context_.getSourceManager();
  const clang::OptionalFileEntryRef entry = sm.getFileEntryRefForID(file);
  llvm::SmallString<128> path(entry ? entry->getName() : llvm::StringRef("<built-in>"));
  if (entry) {
    sm.getFileManager().makeAbsolutePath(path);
    llvm::sys::path::remove_dots(path, true);
  }
  return files_[file] = symbol(path);
}

std::string Names::place(clang::SourceLocation at) {
  const clang::SourceManager& sm = context_.getSourceManager();
  const clang::PresumedLoc p = sm.getPresumedLoc(sm.getExpansionLoc(at), false);
  if (p.isInvalid()) return "?";
  return std::string(p.getFilename()) + ":" + std::to_string(p.getLine()) + ":" +
         std::to_string(p.getColumn());
}

Symbol Names::qualified(const clang::NamedDecl* decl) {
  Symbol& known = qualified_[decl];
  if (known) return known;
  std::string name;
  if (const clang::IdentifierInfo* id = decl->getIdentifier(); id != nullptr) {
    name = id->getName().str();
  } else if (const auto* record = llvm::dyn_cast<clang::CXXRecordDecl>(decl);
             record != nullptr && record->isLambda()) {
    name = "<lambda>";
  } else if (const auto* special = llvm::dyn_cast<clang::CXXMethodDecl>(decl);
             special != nullptr && llvm::isa<clang::CXXConstructorDecl, clang::CXXDestructorDecl>(special)) {
    // Clang would add template arguments.
    name = special->getParent()->getName().str();
    if (llvm::isa<clang::CXXDestructorDecl>(special)) name.insert(0, "~");
  } else {
    name = decl->getDeclName().getAsString();
  }
  if (name.empty()) {
    const auto* tag_decl = llvm::dyn_cast<clang::TagDecl>(decl);
    const clang::TypedefNameDecl* alias =
        tag_decl != nullptr ? tag_decl->getTypedefNameForAnonDecl() : nullptr;
    name = alias != nullptr ? alias->getName().str() : "<unnamed at " + place(decl->getLocation()) + ">";
  }
  for (const clang::DeclContext* dc = decl->getDeclContext(); dc != nullptr && !dc->isTranslationUnit();
       dc = dc->getParent()) {
    const auto* outer = llvm::dyn_cast<clang::NamedDecl>(dc);
    if (outer == nullptr || llvm::isa<clang::FunctionDecl>(outer)) continue;
    if (const auto* ns = llvm::dyn_cast<clang::NamespaceDecl>(outer);
        ns != nullptr && (ns->isInline() || ns->isAnonymousNamespace()))
      continue;
    if (!context_.getLangOpts().CPlusPlus) continue;  // in C a nested tag is a global one
    if (outer->getName().empty()) continue;
    name.insert(0, outer->getName().str() + "::");
  }
  // `known` may be stale: nothing above inserts, but be plain about it.
  return qualified_[decl] = symbol(name);
}

std::string Names::lambda(const clang::CXXRecordDecl* record) {
  const clang::SourceLocation at = record->getBeginLoc();
  std::string name = "<lambda>@" + place(at);
  // All that a macro is given stands where the macro does.
  std::vector<clang::SourceLocation>& here = lambdas_[name];
  auto it = std::find(here.begin(), here.end(), at);
  if (it == here.end()) it = here.insert(here.end(), at);
  if (it != here.begin()) name += "#" + std::to_string(it - here.begin() + 1);
  return name;
}

Symbol Names::link(const clang::FunctionDecl* decl) {
  decl = decl->getCanonicalDecl();
  if (const Symbol known = links_.lookup(decl)) return known;
  Symbol made;
  const clang::FunctionDecl* pattern = decl->getTemplateInstantiationPattern();
  const auto* method = llvm::dyn_cast<clang::CXXMethodDecl>(decl);
  if (method != nullptr && method->getParent()->isLambda()) {
    made = symbol(lambda(method->getParent()) +
                  (method->getOverloadedOperator() == clang::OO_Call
                       ? ""
                       : "::" + method->getDeclName().getAsString()));  // its destructor, say
  } else if (pattern != nullptr || decl->isDependentContext()) {
    const clang::FunctionDecl* where = pattern != nullptr ? pattern : decl;
    made =
        symbol(std::string(qualified(decl).text()) + "@" + place(where->getCanonicalDecl()->getLocation()));
  } else if (!mangler_->shouldMangleDeclName(decl)) {
    made = qualified(decl);
  } else {
    std::string text;
    llvm::raw_string_ostream out(text);
    clang::GlobalDecl global;
    if (const auto* ctor = llvm::dyn_cast<clang::CXXConstructorDecl>(decl))
      global = clang::GlobalDecl(ctor, clang::Ctor_Complete);
    else if (const auto* dtor = llvm::dyn_cast<clang::CXXDestructorDecl>(decl))
      global = clang::GlobalDecl(dtor, clang::Dtor_Complete);
    else
      global = clang::GlobalDecl(decl);
    mangler_->mangleName(global, out);
    made = symbol(text);
  }
  links_[decl] = made;
  return made;
}

Symbol Names::link(const clang::VarDecl* decl) {
  decl = decl->getCanonicalDecl();
  if (const Symbol known = links_.lookup(decl)) return known;
  Symbol made;
  if (decl->isInvalidDecl() || decl->isTemplated() || !mangler_->shouldMangleDeclName(decl)) {
    made = qualified(decl);
  } else {
    std::string text;
    llvm::raw_string_ostream out(text);
    mangler_->mangleName(clang::GlobalDecl(decl), out);
    made = symbol(text);
  }
  links_[decl] = made;
  return made;
}

Symbol Names::tag(const clang::TagDecl* decl) { return qualified(decl->getCanonicalDecl()); }

Symbol Names::spelling(clang::QualType canonical) {
  const clang::QualType bare = canonical.getLocalUnqualifiedType();
  if (const Symbol known = spellings_.lookup(bare.getAsOpaquePtr())) return known;
  const Symbol made = symbol(bare.getAsString(policy_));
  spellings_[bare.getAsOpaquePtr()] = made;
  return made;
}

u64 Names::size(clang::QualType type) {
  if (type.isNull() || type->isDependentType() || type->isIncompleteType() ||
      type->isVariablyModifiedType() || type->isFunctionType() || type->isUndeducedType())
    return 0;
  if (const auto* record = type->getAsRecordDecl(); record != nullptr && record->isInvalidDecl()) return 0;
  if (type->isReferenceType())
    return static_cast<u64>(
        context_.toCharUnitsFromBits(context_.getTargetInfo().getPointerWidth(clang::LangAS::Default))
            .getQuantity());
  return static_cast<u64>(context_.getTypeSizeInChars(type).getQuantity());
}

std::pair<Type, clang::QualType> Names::type(clang::QualType type) {
  if (type.isNull()) return {Type(), clang::QualType()};
  if (const auto it = types_.find(type.getAsOpaquePtr()); it != types_.end()) return it->second;
  Type t;
  clang::QualType element;
  clang::QualType canonical = type.getCanonicalType();
  if (const auto* atomic = canonical->getAs<clang::AtomicType>(); atomic != nullptr)
    canonical = atomic->getValueType().getCanonicalType();
  t.is_const = canonical.isConstQualified();
  t.is_volatile = canonical.isVolatileQualified();
  if (const auto* alias = type->getAs<clang::TypedefType>(); alias != nullptr)
    t.alias = symbol(alias->getDecl()->getName());
  const clang::Type* c = canonical.getTypePtr();
  t.spelling = spelling(canonical);
  if (c->isDependentType() || c->isPlaceholderType()) {
    t.kind = TypeKind::Unknown;
    if (const auto* pointer = c->getAs<clang::PointerType>(); pointer != nullptr) {
      t.kind = TypeKind::Pointer;
      element = type->getPointeeType();
    }
  } else if (c->isVoidType()) {
    t.kind = TypeKind::Void;
  } else if (c->isBooleanType()) {
    t.kind = TypeKind::Bool;
    t.size = size(canonical);
  } else if (const auto* enumeration = c->getAs<clang::EnumType>(); enumeration != nullptr) {
    t.kind = TypeKind::Enum;
    t.tag = tag(enumeration->getDecl());
    t.is_signed = c->isSignedIntegerOrEnumerationType();
    t.size = size(canonical);
  } else if (c->isIntegerType()) {
    t.kind = TypeKind::Integer;
    t.is_signed = c->isSignedIntegerType();
    t.size = size(canonical);
  } else if (c->isFloatingType() || c->isAnyComplexType()) {
    t.kind = TypeKind::Float;
    t.size = size(canonical);
  } else if (c->isReferenceType()) {
    t.kind = TypeKind::Reference;
    t.size = size(canonical);
    element = type->getPointeeType();
  } else if (c->isAnyPointerType() || c->isMemberPointerType() || c->isBlockPointerType() ||
             c->isNullPtrType()) {
    t.kind = TypeKind::Pointer;
    t.size = size(canonical);
    element = type->getPointeeType();
    if (c->isNullPtrType()) element = context_.VoidTy;
    if (c->isMemberPointerType()) element = canonical->castAs<clang::MemberPointerType>()->getPointeeType();
  } else if (c->isArrayType()) {
    t.kind = TypeKind::Array;
    element = context_.getAsArrayType(type)->getElementType();
  } else if (const auto* record = c->getAs<clang::RecordType>(); record != nullptr) {
    t.kind = TypeKind::Record;
    t.tag = tag(record->getDecl());
  } else if (const auto* function = c->getAs<clang::FunctionType>(); function != nullptr) {
    t.kind = TypeKind::Function;
    element = function->getReturnType();
  }
  const std::pair<Type, clang::QualType> made(t, element);
  types_[type.getAsOpaquePtr()] = made;
  return made;
}

TypeId PoolTypes::id(clang::QualType type) {
  if (type.isNull()) return kNoType;
  if (const auto it = ids_.find(type.getAsOpaquePtr()); it != ids_.end()) return it->second;
  auto [t, element] = names_.type(type);
  // Elements end: a type contains itself only through a record, which has no element.
  if (!element.isNull()) t.element = id(element);
  const TypeId made = pool_.add_type(t);
  ids_[type.getAsOpaquePtr()] = made;
  return made;
}

}  // namespace quire::metal
