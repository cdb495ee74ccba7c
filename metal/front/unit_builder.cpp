#include "metal/front/unit_builder.h"

#include <clang/AST/DeclTemplate.h>

#include <algorithm>

#include "metal/ir/codec.h"

namespace quire::metal {

namespace {

constexpr int kDeepestInitialiser = 200;

/// What all instances of a template have in common; the function itself when it is none.
const clang::Decl* identity(const clang::FunctionDecl* decl) {
  const clang::FunctionDecl* pattern = decl->getTemplateInstantiationPattern();
  return (pattern != nullptr ? pattern : decl)->getCanonicalDecl();
}

}  // namespace

void UnitBuilder::run() {
  walk(names_.context().getTranslationUnitDecl());
  while (!queue_.empty()) {
    const auto [decl, lambda] = queue_.front();
    queue_.pop_front();
    build(decl, lambda);
  }
  for (const std::string& name : log_.exported()) out_.exported.push_back(names_.symbol(name));
  // The order of emission follows Clang's declarations and is the same each time, wherever the sources lie;
  // by place is kinder to readers.
  std::stable_sort(out_.functions.begin(), out_.functions.end(), [](const Function& a, const Function& b) {
    if (a.in_header != b.in_header) return !a.in_header;
    const std::string_view fa = a.files.empty() ? "" : a.files[0].text();
    const std::string_view fb = b.files.empty() ? "" : b.files[0].text();
    if (fa != fb) return fa < fb;
    if (a.at.line != b.at.line) return a.at.line < b.at.line;
    return a.at.column < b.at.column;
  });
}

bool UnitBuilder::in_main_file(const clang::Decl* decl) const {
  return sm_.getFileID(sm_.getExpansionLoc(decl->getLocation())) == sm_.getMainFileID();
}

void UnitBuilder::walk(const clang::DeclContext* context) {
  for (const clang::Decl* decl : context->decls()) {
    if (const auto* function = llvm::dyn_cast<clang::FunctionDecl>(decl); function != nullptr) {
      consider(function);
    } else if (const auto* function_template = llvm::dyn_cast<clang::FunctionTemplateDecl>(decl);
               function_template != nullptr) {
      // The first instance stands for all; a template that is never used is taken as it is written.
      for (const clang::FunctionDecl* instance : function_template->specializations())
        if (instance->isDefined()) consider(instance);
      consider(function_template->getTemplatedDecl());
    } else if (const auto* class_template = llvm::dyn_cast<clang::ClassTemplateDecl>(decl);
               class_template != nullptr) {
      for (const clang::ClassTemplateSpecializationDecl* instance : class_template->specializations())
        if (instance->isCompleteDefinition()) walk(instance);
      walk(class_template->getTemplatedDecl());
    } else if (const auto* record = llvm::dyn_cast<clang::CXXRecordDecl>(decl); record != nullptr) {
      if (!record->isThisDeclarationADefinition() || record->isImplicit()) continue;
      class_info(record);
      walk(record);
    } else if (const auto* var = llvm::dyn_cast<clang::VarDecl>(decl); var != nullptr) {
      variable(var);
    } else if (llvm::isa<clang::NamespaceDecl, clang::LinkageSpecDecl, clang::ExportDecl>(decl)) {
      walk(llvm::cast<clang::DeclContext>(decl));
    }
  }
}

void UnitBuilder::consider(const clang::FunctionDecl* decl) {
  if (!decl->doesThisDeclarationHaveABody() || decl->isImplicit()) return;
  const bool strong = !decl->isInlined() && decl->isExternallyVisible() && !decl->isTemplated() &&
                      decl->getTemplateInstantiationPattern() == nullptr;
  if (in_main_file(decl) || strong) enqueue(decl);
}

void UnitBuilder::enqueue(const clang::FunctionDecl* definition, bool lambda) {
  if (definition->getBody() == nullptr || definition->isInvalidDecl()) return;
  if (sm_.isInSystemHeader(definition->getLocation())) return;
  if (seen_.insert(identity(definition)).second) queue_.emplace_back(definition, lambda);
}

void UnitBuilder::reached(const clang::FunctionDecl* decl) {
  const clang::FunctionDecl* definition = nullptr;
  if (decl->isDefined(definition) && definition != nullptr) enqueue(definition);
}

void UnitBuilder::lambda_body(const clang::LambdaExpr* e) {
  if (const clang::CXXMethodDecl* body = e->getCallOperator(); body != nullptr && body->hasBody())
    enqueue(body, true);
}

void UnitBuilder::build(const clang::FunctionDecl* decl, bool lambda) {
  Function f;
  f.name = names_.qualified(decl);
  f.link = names_.link(decl);
  f.internal = !decl->isExternallyVisible() || lambda;
  f.in_header = !in_main_file(decl);
  f.is_inline = decl->isInlined();
  f.from_template = decl->isTemplated() || decl->getTemplateInstantiationPattern() != nullptr;
  f.noreturn = decl->isNoReturn();
  f.is_lambda = lambda;
  if (const auto* method = llvm::dyn_cast<clang::CXXMethodDecl>(decl); method != nullptr) {
    f.is_virtual = method->isVirtual();
    f.record = names_.qualified(method->getParent());
  }
  FlowBuilder(names_, log_, *this, f).run(decl);
  f.pool.freeze();
  f.hash = content_hash(f);
  if (f.has_errors) ++out_.functions_with_errors;
  out_.functions.push_back(std::move(f));
}

void UnitBuilder::variable(const clang::VarDecl* decl) {
  if (!in_main_file(decl) || decl->isTemplated()) return;
  const bool defined = decl->isThisDeclarationADefinition() != clang::VarDecl::DeclarationOnly;
  if (!defined && !decl->hasInit()) return;
  Global g;
  g.name = names_.qualified(decl);
  g.link = names_.link(decl);
  g.type = names_.type(decl->getType()).first.spelling;
  g.internal = !decl->isExternallyVisible();
  g.defined = defined;
  g.is_const = decl->getType().isConstQualified();
  g.file = names_.file(sm_.getFileID(sm_.getExpansionLoc(decl->getLocation())));
  g.line = sm_.getExpansionLineNumber(decl->getLocation());
  out_.globals.push_back(g);
  if (decl->hasInit()) static_variable(decl);
}

void UnitBuilder::static_variable(const clang::VarDecl* decl) {
  if (decl->getInit() != nullptr) stores(decl->getInit(), decl, {}, {}, 0);
}

void UnitBuilder::stores(const clang::Expr* init, const clang::VarDecl* variable, Symbol record, Symbol field,
                         int depth) {
  if (init == nullptr || depth > kDeepestInitialiser) return;
  if (const auto* list = llvm::dyn_cast<clang::InitListExpr>(init); list != nullptr) {
    const clang::InitListExpr* form =
        list->isSemanticForm() || list->getSemanticForm() == nullptr ? list : list->getSemanticForm();
    const auto* type = form->getType().isNull() ? nullptr : form->getType()->getAs<clang::RecordType>();
    if (type == nullptr) {
      for (const clang::Expr* e : form->inits()) stores(e, variable, record, field, depth + 1);
      return;
    }
    const clang::RecordDecl* decl = type->getDecl();
    const Symbol tag = names_.qualified(decl->getCanonicalDecl());
    if (decl->isUnion()) {
      if (const clang::FieldDecl* only = form->getInitializedFieldInUnion();
          only != nullptr && form->getNumInits() > 0)
        stores(form->getInit(0), variable, tag, names_.symbol(only->getName()), depth + 1);
      return;
    }
    unsigned i = 0;
    if (const auto* cxx = llvm::dyn_cast<clang::CXXRecordDecl>(decl); cxx != nullptr) i = cxx->getNumBases();
    for (const clang::FieldDecl* each : decl->fields()) {
      if (each->isUnnamedBitField()) continue;
      if (i >= form->getNumInits()) break;
      stores(form->getInit(i++), variable, tag, names_.symbol(each->getName()), depth + 1);
    }
    return;
  }
  if (const auto* lambda = llvm::dyn_cast<clang::LambdaExpr>(init); lambda != nullptr)
    return lambda_body(lambda);
  const auto* ref = llvm::dyn_cast<clang::DeclRefExpr>(init);
  if (const auto* function = ref != nullptr ? llvm::dyn_cast<clang::FunctionDecl>(ref->getDecl()) : nullptr;
      function != nullptr) {
    FieldStore store;
    store.record = record;
    store.field = field;
    store.function = names_.link(function);
    store.function_internal = !function->isExternallyVisible();
    store.variable = names_.qualified(variable);
    store.file = names_.file(sm_.getFileID(sm_.getExpansionLoc(init->getBeginLoc())));
    store.line = sm_.getExpansionLineNumber(init->getBeginLoc());
    out_.stores.push_back(store);
    if (std::find(out_.address_taken.begin(), out_.address_taken.end(), store.function) ==
        out_.address_taken.end())
      out_.address_taken.push_back(store.function);
    reached(function);
    return;
  }
  for (const clang::Stmt* child : init->children())
    if (const auto* e = llvm::dyn_cast_or_null<clang::Expr>(child); e != nullptr)
      stores(e, variable, record, field, depth + 1);
}

void UnitBuilder::class_info(const clang::CXXRecordDecl* decl) {
  if (decl->isDependentType() || !decl->isPolymorphic() || sm_.isInSystemHeader(decl->getLocation())) return;
  ClassInfo info;
  info.name = names_.qualified(decl);
  for (const clang::CXXBaseSpecifier& base : decl->bases())
    if (const clang::CXXRecordDecl* record = base.getType()->getAsCXXRecordDecl(); record != nullptr)
      info.bases.push_back(names_.qualified(record));
  for (const clang::CXXMethodDecl* method : decl->methods()) {
    if (!method->isVirtual()) continue;
    ClassInfo::Method m;
    m.name = names_.symbol(method->getNameAsString());
    m.signature = names_.type(method->getType()).first.spelling;
    m.link = names_.link(method);
    for (const clang::CXXMethodDecl* base : method->overridden_methods())
      m.overrides.push_back(names_.link(base));
    info.methods.push_back(std::move(m));
  }
  out_.classes.push_back(std::move(info));
}

}  // namespace quire::metal
