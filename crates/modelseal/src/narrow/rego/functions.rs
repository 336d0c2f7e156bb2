//! What modules call: only functions that exist, whose answer depends on nothing but their arguments, and that do not call
//! themselves, which would end with the stack of the process.

use std::collections::{BTreeMap, BTreeSet};

use modelseal_core::{Code, Error, Result};
use regorus::Value;
use regorus::unstable::{AssignOp, BUILTINS, Expr, Module, Rule, RuleHead};

use super::syntax::refused;
use super::tree::{Node, fixed_path, nodes, path, start};

/// Most names of rules and functions: each may stand on the one before.
const MAX_NAMES: usize = 1000;

/// Functions whose answer depends on clock, chance, network or machine. Most do not exist in this build; they are refused
/// by name, so that it is said why.
const IMPURE: [&str; 11] = [
    "http.send",
    "io.jwt.decode_verify",
    "net.lookup_ip_addr",
    "opa.runtime",
    "rand.intn",
    "rego.metadata.chain",
    "rego.metadata.rule",
    "rego.parse_module",
    "test.sleep",
    "time.now_ns",
    "uuid.rfc4122",
];

/// Path of a rule or function, from `data` on.
type Path = Vec<String>;

/// What was found of some modules.
#[derive(Debug, Default)]
pub(super) struct Rules {
    /// Rules that are values.
    values: BTreeSet<Path>,
    /// Functions, and which others each mentions.
    functions: BTreeMap<Path, BTreeSet<Path>>,
}

impl Rules {
    /// Whether a rule of the package `model` has this name and is a value.
    pub(super) fn has_value(&self, name: &str) -> bool {
        self.values.contains(["data", "model", name].map(str::to_owned).as_slice())
    }
}

/// Checks what the modules define and call.
///
/// # Errors
/// `policy/syntax`, with the place.
pub(super) fn check<'a>(modules: impl Iterator<Item = &'a Module> + Clone, data: &Value) -> Result<Rules> {
    let mut rules = Rules::default();
    for module in modules.clone() {
        let package = package(module);
        for rule in &module.policy {
            define(&mut rules, &package, rule)?;
        }
    }
    if rules.values.len() + rules.functions.len() > MAX_NAMES {
        let message = format!("the Rego modules define more than {MAX_NAMES} rules and functions");
        return Err(Error::new(Code::PolicySyntax, message));
    }
    for module in modules {
        let scope = Scope::new(module, &rules);
        let mut mentions = Vec::new();
        for rule in &module.policy {
            let function = head(rule).filter(|_| is_function(rule)).map(|head| joined(&scope.package, &path(head)));
            for node in nodes(rule) {
                check_patterns(node)?;
                scope.check_data(node, data)?;
                if let Some(mentioned) = scope.mentioned(node)? {
                    mentions.extend(function.clone().map(|function| (function, mentioned)));
                }
            }
        }
        for (function, mentioned) in mentions {
            rules.functions.entry(function).or_default().insert(mentioned);
        }
    }
    check_recursion(&rules.functions)?;
    Ok(rules)
}

fn define(rules: &mut Rules, package: &Path, rule: &Rule) -> Result<()> {
    let Some(head) = head(rule) else { return Ok(()) };
    let name = joined(package, &path(head));
    if let Rule::Spec { head: RuleHead::Func { args, span, .. }, .. } = rule
        && args.is_empty()
    {
        return Err(refused(span, "a function without arguments: leave out the parentheses"));
    }
    if is_function(rule) {
        rules.functions.entry(name).or_default();
    } else {
        rules.values.insert(name);
    }
    Ok(())
}

/// Names as one module sees them.
struct Scope<'a> {
    package: Path,
    /// Path behind each name that is imported.
    imports: BTreeMap<String, Path>,
    rules: &'a Rules,
}

impl<'a> Scope<'a> {
    fn new(module: &Module, rules: &'a Rules) -> Self {
        let imports = module.imports.iter().filter_map(|import| {
            let target = path(&import.refr);
            let alias = import.r#as.as_ref().map(|span| span.text().to_owned()).or_else(|| target.last().cloned())?;
            Some((alias, target))
        });
        Self { package: package(module), imports: imports.collect(), rules }
    }

    /// The function of the modules that is called here, if any.
    fn mentioned(&self, node: Node<'_>) -> Result<Option<Path>> {
        let reference = match node {
            Node::Query(_) => return Ok(None),
            Node::Expr(expr) | Node::Called(expr) | Node::Instead(expr) | Node::Pattern(expr) => expr,
        };
        check_time_zone(reference)?;
        let path = path(reference);
        let name = path.join(".");
        if IMPURE.contains(&name.as_str()) {
            let why = format!("{name} is not to be used: the same facts must always give the same decision");
            let hint = "the time of the decision is input.now; what else is needed belongs into data";
            return Err(refused(start(reference), &why).with_hint(hint));
        }
        if matches!(node, Node::Expr(_) | Node::Pattern(_)) {
            // A variable may be called as a function is.
            return Ok(None);
        }
        let found = self.candidates(&path).into_iter().find(|path| self.rules.functions.contains_key(path));
        if found.is_none()
            && matches!(node, Node::Called(_))
            && name != "print"
            && !BUILTINS.contains_key(name.as_str())
        {
            return Err(refused(start(reference), &format!("there is no function {}", shortened(&name))));
        }
        Ok(found)
    }

    /// A misspelt name below `data` would be undefined, which `not` makes true.
    fn check_data(&self, node: Node<'_>, data: &Value) -> Result<()> {
        let Node::Expr(reference @ (Expr::RefDot { .. } | Expr::RefBrack { .. })) = node else { return Ok(()) };
        let fixed = fixed_path(reference);
        let Some((first, rest)) = fixed.split_first() else { return Ok(()) };
        let path = match self.imports.get(first) {
            Some(target) => joined(target, rest),
            None => fixed,
        };
        if path.first().is_none_or(|first| first != "data") {
            return Ok(());
        }
        let below = |rule: &Path| rule.starts_with(&path) || path.starts_with(rule);
        let is_rule = self.rules.values.iter().chain(self.rules.functions.keys()).any(below);
        if is_rule || path.iter().skip(1).try_fold(data, |value, name| child(value, name)).is_some() {
            return Ok(());
        }
        let why = format!("neither the data nor a module defines {}", shortened(&path.join(".")));
        Err(refused(start(reference), &why))
    }

    /// What a path may stand for, in the order in which the evaluator looks.
    fn candidates(&self, path: &[String]) -> Vec<Path> {
        let Some((first, rest)) = path.split_first() else { return Vec::new() };
        let imported = self.imports.get(first).map(|target| joined(target, rest));
        let own = if first == "data" { path.to_vec() } else { joined(&self.package, path) };
        imported.into_iter().chain([own]).collect()
    }
}

fn child<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    let child = &value[name];
    (*child != Value::Undefined).then_some(child)
}

/// An object as a pattern: the evaluator lets keys pass that are not in it, OPA does not.
fn check_patterns(node: Node<'_>) -> Result<()> {
    let patterns: &[&Expr] = match node {
        Node::Pattern(expr) => &[expr],
        Node::Expr(Expr::AssignExpr { op: AssignOp::ColEq, lhs, .. }) => &[lhs],
        Node::Expr(Expr::AssignExpr { op: AssignOp::Eq, lhs, rhs, .. }) => &[lhs, rhs],
        _ => &[],
    };
    match patterns.iter().find(|pattern| holds_object(pattern)) {
        Some(pattern) => {
            let why = "an object as a pattern also matches objects with more keys";
            Err(refused(pattern.span(), why).with_hint("compare with `==`, or name the fields: x.a == 1"))
        }
        None => Ok(()),
    }
}

fn holds_object(pattern: &Expr) -> bool {
    match pattern {
        Expr::Object { .. } => true,
        Expr::Array { items, .. } | Expr::Set { items, .. } => items.iter().any(|item| holds_object(item)),
        _ => false,
    }
}

/// `"Local"` is the time zone of the machine.
fn check_time_zone(expr: &Expr) -> Result<()> {
    let Expr::Call { fcn, params, .. } = expr else { return Ok(()) };
    if path(fcn).first().is_none_or(|first| first != "time") {
        return Ok(());
    }
    let mut pending: Vec<Node<'_>> = params.iter().map(|param| Node::Expr(param)).collect();
    while let Some(node) = pending.pop() {
        if let Node::Expr(Expr::String { value, span, .. } | Expr::RawString { value, span, .. }) = node
            && value.as_string().is_ok_and(|text| text.as_ref() == "Local")
        {
            return Err(refused(span, "the time zone \"Local\" is that of the machine: name one, or UTC"));
        }
        node.children(&mut pending);
    }
    Ok(())
}

fn check_recursion(functions: &BTreeMap<Path, BTreeSet<Path>>) -> Result<()> {
    // Functions that mention nothing that is left cannot be part of a circle.
    let mut left: BTreeMap<&Path, BTreeSet<&Path>> =
        functions.iter().map(|(function, others)| (function, others.iter().collect())).collect();
    loop {
        let open: BTreeSet<&Path> = left.keys().copied().collect();
        let before = left.len();
        left.retain(|_, others| others.iter().any(|other| open.contains(other)));
        if left.is_empty() {
            return Ok(());
        }
        if left.len() == before {
            break;
        }
    }
    let name = left.keys().next().map(|path| path.join(".")).unwrap_or_default();
    let message = format!("the Rego function {} calls itself, perhaps through others", shortened(&name));
    Err(Error::new(Code::PolicySyntax, message).with_hint("Rego has no recursion; `walk` visits nested documents"))
}

fn head(rule: &Rule) -> Option<&Expr> {
    Some(match rule {
        Rule::Spec { head: RuleHead::Compr { refr, .. } | RuleHead::Func { refr, .. }, .. } => refr,
        Rule::Spec { head: RuleHead::Set { refr, .. }, .. } | Rule::Default { refr, .. } => refr,
    })
}

fn is_function(rule: &Rule) -> bool {
    match rule {
        Rule::Spec { head, .. } => matches!(head, RuleHead::Func { .. }),
        Rule::Default { args, .. } => !args.is_empty(),
    }
}

fn package(module: &Module) -> Path {
    joined(&["data".to_owned()], &path(&module.package.refr))
}

fn joined(start: &[String], rest: &[String]) -> Path {
    start.iter().chain(rest).cloned().collect()
}

fn shortened(name: &str) -> String {
    name.chars().take(100).collect()
}
