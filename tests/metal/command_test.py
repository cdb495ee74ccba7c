#!/usr/bin/env python3
"""The metal command as a whole: exit statuses, formats, caching, determinism, suppression, baseline."""
import json
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import unittest

METAL = os.path.abspath(sys.argv.pop(1))
HERE = pathlib.Path(__file__).resolve().parent
CHECKERS = HERE / "checkers"

BAD = """#define cli() __asm__ volatile("cli")
#define sti() __asm__ volatile("sti")
int f(int a)
{
	cli();
	if (a)
		return 1;
	sti();
	return 0;
}
int g(void) { sti(); cli(); cli(); return 0; }
"""
GOOD = "int f(int a) { return a; }\n"


class Command(unittest.TestCase):
    def setUp(self):
        self.tmp = tempfile.TemporaryDirectory()
        self.dir = pathlib.Path(self.tmp.name)

    def tearDown(self):
        self.tmp.cleanup()

    def write(self, name, text):
        (self.dir / name).write_text(text)
        return str(self.dir / name)

    def run_metal(self, *args, cwd=None):
        env = dict(os.environ, METAL_CACHE=str(self.dir / "cache"))
        return subprocess.run([METAL, *map(str, args)], cwd=cwd or self.dir, env=env, capture_output=True, text=True, timeout=100)

    def check(self, *args, rules="interrupts.metal"):
        return self.run_metal("check", "--rules", CHECKERS / rules, *args)

    def test_the_checker_of_2001_finds_its_three_kinds(self):
        r = self.check(self.write("a.c", BAD), "--", "-std=gnu11")
        self.assertEqual(r.returncode, 1, r.stderr)
        for text in ("double enable", "double disable", "exiting w/intr disabled!"):
            self.assertIn(text, r.stdout)
        self.assertIn("a.c:7:3: error: exiting w/intr disabled! [check_interrupts]", r.stdout)

    def test_pointers_do_not_make_the_program_one_recursion(self):
        n = 120
        text = BAD.split("int f(")[0] + "typedef int hook(int);\nstruct ops { hook *run; };\nextern struct ops hooks[];\n" + "".join(f"int f{i}(int);\n" for i in range(n))
        text += "".join(f"int f{i}(int a) {{ {'cli(); cli();' if i == 7 else ''} return f{i + 1}(a); }}\n" for i in range(n - 1))
        text += f"int f{n - 1}(int a) {{ return hooks[a].run(a); }}\nstruct ops hooks[] = {{ {{ f0 }}, {{ f1 }} }};\n"
        r = self.check("--stats", self.write("a.c", text), "--", "-std=gnu11")
        self.assertIn("1 indirect, 0 with unknown target, 1 with too many", r.stderr)
        self.assertIn("double disable", r.stdout)
        # A short one is followed as ever.
        r = self.check("--stats", self.write("b.c", text.replace(f"return f{n // 2}(a);", "return 0;")), "--", "-std=gnu11")
        self.assertIn("1 indirect, 0 with unknown target, 0 with too many", r.stderr)

    def test_status_is_zero_when_clean(self):
        self.assertEqual(self.check(self.write("a.c", GOOD)).returncode, 0)

    def test_status_is_two_for_wrong_use(self):
        a = self.write("a.c", GOOD)
        broken = self.write("r.metal", "sm x { s: { f( ==> t; }")
        self.assertEqual(self.run_metal("check", "--rules", broken, a).returncode, 2)
        self.assertEqual(self.run_metal("check", "--rules", "no-such-pack", a).returncode, 2)
        self.assertEqual(self.run_metal("check", a).returncode, 2)
        self.assertEqual(self.check().returncode, 2)
        self.assertEqual(self.check("--format", "pdf", a).returncode, 2)
        self.assertEqual(self.check("--baseline", self.dir / "none", a).returncode, 2)
        self.assertEqual(self.run_metal("frobnicate").returncode, 2)

    def test_a_bad_fragment_is_shown_where_it_stands(self):
        broken = self.write("r.metal", "sm x {\n  decl any_expr e;\n  s: { f(e +) } ==> s;\n}\n")
        r = self.run_metal("check", "--rules", broken, self.write("a.c", GOOD))
        self.assertEqual(r.returncode, 2)
        self.assertIn("r.metal:3:", r.stderr)
        self.assertIn("^", r.stderr)

    def test_status_is_three_when_not_all_was_analysed(self):
        a, b = self.write("a.c", GOOD), self.write("b.c", '#include "missing.h"\nint x;\n')
        r = self.check(a, b)
        self.assertEqual(r.returncode, 3, r.stdout + r.stderr)
        self.assertIn("b.c", r.stderr)
        self.assertEqual(self.check("--allow-incomplete", a, b).returncode, 0)
        self.assertEqual(self.check(self.dir / "nothing.c").returncode, 3)

    def test_a_file_that_does_not_parse_leaves_the_rest(self):
        r = self.check(self.write("a.c", BAD), self.write("b.c", "int f( {{{ ;\n"), "--", "-std=gnu11")
        self.assertEqual(r.returncode, 1)
        self.assertIn("a.c:7", r.stdout)
        self.assertIn("b.c", r.stderr)

    def test_warm_equals_cold_at_any_j(self):
        files = [self.write(f"f{i}.c", BAD.replace("f(int", f"f{i}(int").replace("g(void", f"g{i}(void")) for i in range(5)]
        reports = set()
        for args in (["--cache", "none", "-j", "1"], ["-j", "1"], ["-j", "4"], ["-j", "2"]):
            r = self.check("--format", "json", *args, *files, "--", "-std=gnu11")
            self.assertEqual(r.returncode, 1, r.stderr)
            reports.add(r.stdout)
        self.assertEqual(len(reports), 1)

    def test_a_rule_can_change_without_a_parse(self):
        a = self.write("a.c", BAD)
        self.check(a, "--", "-std=gnu11")
        changed = self.write("r.metal", (CHECKERS / "interrupts.metal").read_text().replace("linux-includes.h", str(CHECKERS / "linux-includes.h")).replace("double enable", "enabled twice"))
        r = self.run_metal("check", "--stats", "--rules", changed, a, "--", "-std=gnu11")
        self.assertIn("enabled twice", r.stdout)
        self.assertIn("0 parsed, 1 from the cache", r.stderr)

    def test_only_the_rule_that_changed_runs_again(self):
        a = self.write("a.c", BAD)
        one = self.write("one.metal", (CHECKERS / "interrupts.metal").read_text().replace("linux-includes.h", str(CHECKERS / "linux-includes.h")))
        two = self.write("two.metal", "sm twice { decl any_fn_call fn; decl any_arguments args;\n  s: { fn(args) } && ${ mc_in_function(\"h\") } ==> { err(\"a call in h\"); };\n}\n")

        def run(*more):
            return self.run_metal("check", "--stats", "--rules", one, "--rules", two, *more, a, "--", "-std=gnu11")

        cold = run()
        warm = run()
        self.assertEqual(warm.stdout, cold.stdout)
        solved = r"solved +(\d+) items \((\d+) in earlier runs\)"
        self.assertEqual(re.search(solved, cold.stderr)[2], "0")
        self.assertEqual(*re.search(solved, warm.stderr).groups())
        self.write("one.metal", pathlib.Path(one).read_text().replace("double enable", "enabled twice"))
        third = run()
        self.assertIn("enabled twice", third.stdout)
        self.assertIn("0 parsed", third.stderr)
        self.assertEqual(third.stdout, run("--cache", "none").stdout)
        self.write("a.c", BAD.replace("sti(); cli(); cli();", "sti(); cli(); sti();"))
        fourth = run()
        self.assertNotIn("double disable", fourth.stdout)
        self.assertEqual(fourth.stdout, run("--cache", "none", "-j", "1").stdout)

    def test_a_lost_unlock_is_found_by_the_callers_again(self):
        """A function that no longer unlocks, with callers in three other files: warm finds what cold finds."""
        head = "typedef struct { int v; } spinlock_t; void spin_lock(spinlock_t *); void spin_unlock(spinlock_t *);\nstruct dev { spinlock_t lock; };\nvoid done(struct dev *d, int n);\n"
        done = head + "void done(struct dev *d, int n)\n{\n\tif (n > 3) {\n\t\tspin_unlock(&d->lock);\n\t\treturn;\n\t}\n\tspin_unlock(&d->lock);\n}\n"
        files = [self.write("done.c", done)]
        for i in range(3):
            files.append(self.write(f"user{i}.c", head + f"int use{i}(struct dev *d, int n)\n{{\n\tspin_lock(&d->lock);\n\tdone(d, n);\n\treturn n;\n}}\n"))

        def run(*more):
            return self.run_metal("check", "--stats", "--rules", "linux-2.4", "--format", "json", *more, *files, "--", "-std=gnu11")

        self.assertEqual(run().returncode, 0)
        self.write("done.c", done.replace("\t\tspin_unlock(&d->lock);\n\t\treturn", "\t\treturn"))
        warm = run()
        self.assertIn("1 parsed, 3 from the cache", warm.stderr)
        self.assertEqual(len(json.loads(warm.stdout)["findings"]), 3, warm.stdout)
        for jobs in ("1", "2", "4"):
            self.assertEqual(run("--cache", "none", "-j", jobs).stdout, warm.stdout)

    def edit_at_random(self, seed, steps):
        """Programs that are edited at random, with callers and recursion across files: warm reports are compared with cold ones. Returns how many items were taken over, and by bound how often it cut."""
        choose = random.Random(seed)
        head = "void spin_lock(int *); void spin_unlock(int *); void *kmalloc(int, int); void kfree(void *);\nstruct node { int v, lock; struct node *next; };\n" + "".join(f"int f{i}(struct node *p, int n);\n" for i in range(16))
        lines = ["spin_lock(&p->lock);", "spin_unlock(&p->lock);", "if (n > 3) return 1;", "if (p) kfree(p);", "p = p->next;", "n = p->v;", "if (n) spin_unlock(&p->lock);", "if (!n) return -1;", "struct node *q = kmalloc(8, n); q->v = 1;", "p->next = p;"]
        lines += [f"f{i}(p, n);" for i in range(16)] + [f"if (f{i}(p->next, 2)) return 0;" for i in range(16)]
        bodies = [[choose.choice(lines) for _ in range(5)] for _ in range(16)]

        def write(i):
            return self.write(f"p{i}.c", head + "".join(f"int f{k}(struct node *p, int n)\n{{\n" + "".join(f"\t{{ {line} }}\n" for line in bodies[k]) + "\treturn n;\n}\n" for k in range(4 * i, 4 * i + 4)))

        files = [write(i) for i in range(4)]

        def run(*more):
            return self.run_metal("check", "--stats", "--rules", "linux-2.4", "--format", "json", *more, *files, "--", "-std=gnu11")

        solved = r"solved +(\d+) items \((\d+) in earlier runs\)"
        run()
        reused, cut = 0, {"depth": 0, "entries": 0}
        for step in range(steps):
            k = choose.randrange(16)
            bodies[k][choose.randrange(5)] = choose.choice(lines)
            write(k // 4)
            warm, cold = run("-j", str(1 + step % 3)), run("--cache", "none", "-j", str(1 + step % 2))
            self.assertEqual(warm.stdout, cold.stdout, f"step {step}")
            self.assertEqual(re.search(r"^cut .*", warm.stderr, re.M)[0], re.search(r"^cut .*", cold.stderr, re.M)[0], f"step {step}")
            self.assertEqual(re.search(solved, cold.stderr)[2], "0")
            reused += int(re.search(solved, warm.stderr)[2])
            for bound in cut:
                cut[bound] += int(re.search(rf"^cut .*\b{bound} (\d+)", cold.stderr, re.M)[1])
        return reused, cut

    def test_edits_find_warm_what_they_find_cold(self):
        reused, cut = self.edit_at_random(7, 20)
        self.assertGreater(reused, 0)
        self.assertEqual(cut, {"depth": 0, "entries": 0})

    def test_bounds_that_depend_on_the_order_of_asking_cut_warm_as_they_cut_cold(self):
        """What depth and entries cut depends on who asks first, and a run that takes items over asks in another order."""
        for limits, bound in (({"entries_per_function": 4}, "entries"), ({"call_depth": 5}, "depth")):
            self.write(".metal.json", json.dumps({"limits": limits}))
            _, cut = self.edit_at_random(11, 12)
            self.assertGreater(cut[bound], 0)

    def test_pointers_back_make_no_names_without_end(self):
        """`p->t1.data = p`, and so on for five timers, in any order: what lies in p has its one name, and the callee is entered in few ways."""
        self.write(".metal.json", json.dumps({"limits": {"entries_per_function": 40}}))
        tries = "\n".join(f"void try{i}(struct box *p, int n) {{ kfree(p->ids); " + " ".join(f"if (n & {1 << k}) p->t{k}.data = p;" for k in range(i, i + 5)) + " pass(p); }" for i in range(3))
        source = self.write("back.c", "void kfree(void *); struct box;\nstruct timer { struct box *data; }; struct box { int *ids; struct timer " + ", ".join(f"t{i}" for i in range(8)) + "; };\n"
                            "void pass(struct box *p) { if (p->t1.data->ids) kfree(p->t2.data->ids); kfree(p->ids); }\n" + tries + "\n")
        result = self.run_metal("check", "--stats", "--rules", "linux-2.4", source, "--", "-std=gnu11")
        self.assertIn("is freed twice", result.stdout)
        self.assertRegex(result.stderr, r"(?m)^cut .* entries 0\b")

    def test_what_a_function_can_give_is_asked_anew_when_it_changed(self):
        """Whether a dropped answer could be an error lies in another file."""
        users = "".join(f"int use{i}(int n) {{ return begin(n + {i}); }}\n" for i in range(12)) + "int drops(int n)\n{\n\tbegin(n);\n\treturn n;\n}\n"
        files = [self.write("a.c", "int begin(int n) { return n > 3 ? -5 : 0; }\n"), self.write("b.c", "int begin(int);\n" + users)]

        def run(*more):
            return self.run_metal("check", "--rules", "linux", "--format", "json", *more, *files, "--", "-std=gnu11").stdout

        self.assertIn("what begin returns is dropped", run())
        self.write("a.c", "int begin(int n) { return n > 3 ? 5 : 0; }\n")
        self.assertEqual(run(), run("--cache", "none"))
        self.assertNotIn("what begin returns is dropped", run())

    def test_programs_that_grow_and_change_find_warm_what_they_find_cold(self):
        """A generated program of seven files with recursion and function pointers: unlocks lost, callees changed, functions added, removed and made static, tables filled."""
        choose = random.Random(23)
        head = "void spin_lock(int *); void spin_unlock(int *); void *kmalloc(int, int); void kfree(void *); void cli(void); void sti(void); void schedule(void);\nstruct node { int v, lock; struct node *next; int (*run)(struct node *, int); };\nextern int shared_lock;\n"
        plain = ["spin_lock(&p->lock);", "spin_unlock(&p->lock);", "spin_lock(&shared_lock);", "spin_unlock(&shared_lock);", "if (n > 3) return 1;", "kfree(p);", "p = p->next;", "if (n) spin_unlock(&p->lock);", "if (!n) return -1;", "struct node *q = kmalloc(8, n); q->v = 1;", "p->next = p;", "cli();", "sti();", "schedule();", "p->run(p, 1);"]
        names, counter = {}, [0]  # function: [file, static, lines]

        def line():
            k = choose.random()
            if k < 0.5:
                return choose.choice(plain)
            callee = choose.choice(sorted(names))
            return choose.choice([f"{callee}(p, n);", f"if ({callee}(p->next, 2)) return 0;", f"n = {callee}(p, 0);", f"p->run = {callee};"])

        def add():
            name = f"f{counter[0]}"
            counter[0] += 1
            names[name] = [choose.randrange(7), False, []]
            names[name][2] = [line() for _ in range(choose.randrange(2, 7))]
            return name

        def write(files):
            for k in files:
                text = head + "".join(f"{'static ' if s and f == k else ''}int {n}(struct node *p, int n);\n" for n, (f, s, _) in sorted(names.items()) if f == k or not s)
                for n, (f, s, lines) in sorted(names.items()):
                    if f == k:
                        # What another file keeps to itself is not to be called from here.
                        shown = [x for x in lines if all(w not in names or names[w][0] == k or not names[w][1] for w in re.findall(r"\bf\d+\b", x))]
                        text += f"{'static ' if s else ''}int {n}(struct node *p, int n)\n{{\n" + "".join(f"\t{{ {x} }}\n" for x in shown) + "\treturn n;\n}\n"
                self.write(f"p{k}.c", text)

        for _ in range(24):
            add()
        write(range(7))
        files = [str(self.dir / f"p{k}.c") for k in range(7)]

        def run(*more):
            r = self.run_metal("check", "--stats", "--rules", "linux-2.4", "--format", "json", *more, *files, "--", "-std=gnu11")
            self.assertIn(r.returncode, (0, 1), r.stderr)
            return r

        run()
        solved, found = r"solved +(\d+) items \((\d+) in earlier runs\)", 0
        for step in range(30):
            touched = set()
            for _ in range(choose.randrange(1, 3)):
                edit, n = choose.randrange(6), choose.choice(sorted(names))
                touched.add(names[n][0])
                lines = names[n][2]
                if edit == 0:  # an unlock is lost
                    for m in sorted(names):
                        if any("unlock" in x for x in names[m][2]):
                            names[m][2] = [x for x in names[m][2] if "unlock" not in x]
                            touched.add(names[m][0])
                            break
                elif edit == 1 and lines:  # another callee
                    lines[choose.randrange(len(lines))] = line()
                elif edit == 2:
                    new = add()
                    touched.add(names[new][0])
                    lines.append(f"{new}(p, n);")
                elif edit == 3 and len(names) > 12:
                    del names[n]
                    touched = set(range(7))
                    for f in names.values():
                        f[2] = [x for x in f[2] if not re.search(rf"\b{n}\b", x)]
                elif edit == 4:
                    names[n][1] = not names[n][1]
                    touched = set(range(7))
                elif lines:
                    lines.insert(choose.randrange(len(lines)), choose.choice(plain))
            write(touched)
            warm, cold = run("-j", str(1 + step % 3)), run("--cache", "none", "-j", str(1 + step % 2))
            self.assertEqual(warm.stdout, cold.stdout, f"step {step}")
            found += len(json.loads(cold.stdout)["findings"])
            # What was done and cut is counted alike, too.
            for row in ("functions", "calls", "cut", "bounds"):
                self.assertEqual(re.search(rf"^{row} .*", warm.stderr, re.M)[0], re.search(rf"^{row} .*", cold.stderr, re.M)[0], f"step {step}")
            self.assertEqual(re.search(solved, cold.stderr)[2], "0")
        self.assertGreater(found, 100)

    def test_a_corrupt_cache_is_rebuilt(self):
        a = self.write("a.c", BAD)
        first = self.check(a, "--", "-std=gnu11").stdout
        damaged = 0
        for path in (self.dir / "cache").rglob("*"):
            if path.is_file():
                path.write_bytes(path.read_bytes()[: path.stat().st_size // 2] + b"\0\xff" * 40)
                damaged += 1
        self.assertGreater(damaged, 0)
        self.assertEqual(self.check(a, "--", "-std=gnu11").stdout, first)

    def test_suppression_needs_id_and_reason(self):
        a = self.write("a.c", BAD.replace("return 1;", "return 1; // metal-ok: check_interrupts the caller turns them on"))
        self.assertNotIn("a.c:7", self.check(a, "--", "-std=gnu11").stdout)
        a = self.write("a.c", BAD.replace("return 1;", "return 1; // metal-ok: check_interrupts"))
        self.assertIn("a.c:7", self.check(a, "--", "-std=gnu11").stdout)

    def test_baseline_survives_moved_lines(self):
        a = self.write("a.c", BAD)
        self.check("--write-baseline", self.dir / "base", a, "--", "-std=gnu11")
        self.write("a.c", "/* one */\n/* two */\n" + BAD)
        r = self.check("--baseline", self.dir / "base", a, "--", "-std=gnu11")
        self.assertEqual(r.returncode, 0, r.stdout)
        self.write("a.c", BAD + "int h(int b) { cli(); return b; }\n")
        r = self.check("--baseline", self.dir / "base", a, "--", "-std=gnu11")
        self.assertEqual(r.returncode, 1)
        self.assertEqual(r.stdout.count("error:"), 1, r.stdout)

    def test_new_since_a_revision(self):
        git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org"]
        a = self.write("a.c", BAD)
        for words in (["init", "-q"], ["add", "a.c"], ["commit", "-qm", "one"]):
            subprocess.run(git + words, cwd=self.dir, check=True)
        self.write("a.c", BAD + "int h(int b)\n{\n\tcli();\n\treturn b;\n}\n")
        r = self.check("--new-since", "HEAD", a, "--", "-std=gnu11")
        self.assertEqual(r.stdout.count("error:"), 1, r.stdout + r.stderr)
        self.assertIn("a.c:15", r.stdout)
        self.assertEqual(self.check("--new-since", "nonsense", a).returncode, 2)

    def test_formats(self):
        a = self.write("a.c", BAD)
        sarif = json.loads(self.check("--format", "sarif", a, "--", "-std=gnu11").stdout)
        self.assertEqual(sarif["version"], "2.1.0")
        self.assertEqual(len(sarif["runs"][0]["results"]), 4)  # two exits, two doubles
        self.assertEqual(len(json.loads(self.check("--format", "json", a, "--", "-std=gnu11").stdout)["findings"]), 4)
        out = self.dir / "r.html"
        self.check("--format", "html", "-o", out, a, "--", "-std=gnu11")
        self.assertIn("exiting w/intr disabled!", out.read_text())

    def test_sarif_is_valid(self):
        import jsonschema  # python3-jsonschema
        schemas = [HERE / "sarif-2.1.0.schema.json"]
        if os.environ.get("SARIF_SCHEMA"):  # the official one may not be kept here
            schemas.append(os.environ["SARIF_SCHEMA"])
        odd = self.write("a file+\u00e9.c", BAD)
        broken = self.write("b.c", "int f( {{{ ;\n")
        for files in ([odd], [self.write("good.c", GOOD)], [odd, broken]):
            r = self.run_metal("check", "--rules", CHECKERS / "interrupts.metal", "--rules", "linux-2.4", "--format", "sarif", *files, "--", "-std=gnu11")
            report = json.loads(r.stdout)
            for schema in schemas:
                jsonschema.validate(report, json.loads(pathlib.Path(schema).read_text()))
            for result in report["runs"][0]["results"]:
                self.assertEqual(report["runs"][0]["tool"]["driver"]["rules"][result["ruleIndex"]]["id"], result["ruleId"])

    def test_project_file(self):
        a = self.write("a.c", BAD)
        self.write(".metal.json", json.dumps({"rules": [str(CHECKERS / "interrupts.metal")], "exclude": ["other"]}))
        self.write("compile_commands.json", json.dumps([{"directory": str(self.dir), "file": "a.c", "command": "cc -std=gnu11 -c a.c"}]))
        self.assertEqual(self.run_metal("check", "-p", self.dir).returncode, 1)
        self.write(".metal.json", "{\"rule\": 1}")
        self.assertEqual(self.run_metal("check", "-p", self.dir).returncode, 2)

    def test_a_project_sets_bounds(self):
        a = self.write("a.c", BAD.split("int f")[0] + "int f(int *a, int b)\n{\n" + "\tif (*a++ > b) cli(); else sti();\n" * 50 + "\treturn b;\n}\n")
        self.assertIn("by blocks 0", self.check("--stats", a, "--", "-std=gnu11").stderr)
        self.write(".metal.json", json.dumps({"limits": {"blocks_per_item": 40}}))
        self.assertIn("by blocks 1", self.check("--stats", a, "--", "-std=gnu11").stderr)
        for limits, complaint in (({"block_per_item": 40}, "no bound 'block_per_item' (blocks_per_item,"), ({"exits_per_item": 0}, "takes a number from 1"), ({"call_depth": 5000}, "from 1 to 1000"), ({"call_depth": "x"}, "\"x\" for 'call_depth'"), ([3], "no object")):
            self.write(".metal.json", json.dumps({"limits": limits}))
            r = self.check(a)
            self.assertEqual(r.returncode, 2)
            self.assertIn(complaint, r.stderr)

    def test_the_report_does_not_depend_on_the_folder(self):
        """The same program in two folders, one of them with a long name: functions of one place, lambdas and what headers define are met in the same order."""
        head = BAD.split("int f")[0] + """static inline int in_header(int a) { if (a) cli(); return a; }
#define TWO(x) int x##_one(int a) { cli(); if (a) return x##_two(a); sti(); return 0; } int x##_two(int a) { sti(); return x##_one(a - 1); }
int f_one(int); int f_two(int); int g_one(int); int g_two(int); int h_one(int); int h_two(int);
"""
        main = head + "TWO(f) TWO(g) TWO(h)\n" + BAD.split("cli\")\n")[-1].split("sti\")\n")[-1] + "int k(int a) { in_header(a); f_one(a); g_two(a); return h_one(a); }\n"
        reports = set()
        for name in ("x", "a_folder_with_another_name/and/more", "w-2"):
            folder = self.dir / name
            folder.mkdir(parents=True)
            (folder / "head.h").write_text(head)
            (folder / "a.c").write_text(main)
            (folder / "b.cc").write_text('#include "head.h"\ntemplate <typename F> int call(F f) { cli(); f(); f(); return 0; }\nint both(int a) { auto one = [&] { cli(); return a; }; auto two = [&] { sti(); return a; }; call(one); call(two); return in_header(a); }\n')
            r = self.run_metal("check", "--rules", CHECKERS / "interrupts.metal", "--format", "json", "--cache", "none", "a.c", "b.cc", cwd=folder)
            self.assertEqual(r.returncode, 1, r.stderr)
            self.assertGreater(len(json.loads(r.stdout)["findings"]), 8)
            reports.add(r.stdout.replace(str(folder), "."))
        self.assertEqual(len(reports), 1)

    def test_a_project_says_what_its_functions_are_like(self):
        text = "void *my_get(int); void my_put(void *);\nint f(void)\n{\n\tint *p = my_get(4);\n\tmy_put(p);\n\treturn *p;\n}\nint g(int *p)\n{\n\tmy_put(p);\n\treturn 0;\n}\n"
        a = self.write("a.c", text)
        self.assertEqual(self.check(a, rules="free.metal").returncode, 0)
        self.write(".metal.json", json.dumps({"like": {"my_put": "kfree"}, "noreturn": ["stop"]}))
        r = self.check(a, rules="free.metal")
        self.assertEqual(r.returncode, 1, r.stderr)
        self.assertIn("a.c:6:", r.stdout)
        self.write("a.c", text.replace("my_put(p);\n\treturn *p", "my_put(p);\n\tstop();\n\treturn *p").replace("int f(", "void stop(void);\nint f("))
        self.assertEqual(self.check(a, rules="free.metal").returncode, 0)
        self.write(".metal.json", "{\"like\": {\"my_put\": 3}}")
        self.assertEqual(self.check(a, rules="free.metal").returncode, 2)

    def test_explain(self):
        r = self.run_metal("explain", "linux-2.4.lock")
        self.assertEqual(r.returncode, 0, r.stderr)
        self.assertIn("released on every path", r.stdout)
        self.assertIn("did you mean", self.run_metal("explain", "linux-2.4.lok").stderr)
        self.assertIn("posix.free", self.run_metal("explain").stdout)

    def test_function_files_can_be_made_apart(self):
        a = self.write("a.c", BAD)
        r = self.run_metal("extract", a, "-o", self.dir / "a.qmf", "--", "-std=gnu11")
        self.assertEqual(r.returncode, 0, r.stderr)
        self.assertEqual(self.check(self.dir / "a.qmf").returncode, 1)
        self.write("bad.qmf", "nonsense")
        self.assertEqual(self.check(self.dir / "bad.qmf").returncode, 3)

    def test_cc_stands_in_for_the_compiler(self):
        self.write("a.c", BAD)
        self.write("b.c", GOOD.replace("f(", "h("))
        self.write("Makefile", "all: a.o b.o\n%.o: %.c\n\t$(CC) -std=gnu11 -c $< -o $@\n")
        env = dict(os.environ, METAL_CACHE=str(self.dir / "cache"), METAL_COMMANDS=str(self.dir / "compile_commands.json"))
        r = subprocess.run(["make", "-j2", f"CC={METAL} cc cc"], cwd=self.dir, env=env, capture_output=True, text=True)
        self.assertEqual(r.returncode, 0, r.stderr)
        self.assertTrue((self.dir / "a.o").exists())
        r = self.check("--stats", "-p", self.dir)
        self.assertEqual(r.returncode, 1)
        self.assertIn("0 parsed, 2 from the cache", r.stderr)
        self.write("b.c", "int h( {")
        self.assertNotEqual(subprocess.run(["make", f"CC={METAL} cc cc"], cwd=self.dir, env=env, capture_output=True).returncode, 0)

    def test_kbuild_reads_the_commands_of_a_kernel_tree(self):
        tree = self.dir / "tree"
        (tree / "include" / "generated").mkdir(parents=True)
        (tree / "include" / "generated" / "autoconf.h").write_text("")
        (tree / "Kbuild").write_text("")
        (tree / "drivers").mkdir()
        (tree / "drivers" / "a.c").write_text(BAD)
        (tree / "host.c").write_text("int main(void) { return 0; }\n")
        # As make V=1 prints them: one is of the kernel, one of the build's own programs.
        (tree / "Makefile").write_text("all:\n\tset -e; gcc -Wp,-MMD,drivers/.a.o.d -D__KERNEL__ -std=gnu11 -Wall -mno-fp-ret-in-387 -c -o drivers/a.o drivers/a.c; ./fixdep\n\tgcc -Wall -o host host.c -c\n")
        r = self.check("--stats", "--kbuild", tree)
        self.assertEqual(r.returncode, 1, r.stderr)
        self.assertIn("1 parsed", r.stderr)
        self.assertFalse((tree / "drivers" / "a.o").exists())
        # What is built make -n does not tell: its command is kept beside the object file, with make's escapes.
        (tree / "fs").mkdir()
        (tree / "fs" / "b.c").write_text("int x = A;\nchar *s = B;\n")
        (tree / "fs" / ".b.o.cmd").write_text("savedcmd_fs/b.o := gcc -D__KERNEL__ -DA=2 '-DB=\"$(pound)$$\"' -c -o fs/b.o fs/b.c ; ./tools/objtool/objtool fs/b.o\n\nsource_fs/b.o := fs/b.c\n")
        (tree / "fs" / ".gone.o.cmd").write_text("cmd_fs/gone.o := gcc -D__KERNEL__ -c -o fs/gone.o fs/gone.c\n")
        r = self.check("--stats", "--kbuild", tree)
        self.assertIn("1 parsed, 1 from the cache, 0 failed", r.stderr)
        # Make would configure the tree anew for another compiler.
        compiler = self.dir / "other-gcc"
        compiler.write_text("#!/bin/sh\necho other gcc 1.0\n")
        compiler.chmod(0o755)
        (tree / ".config").write_text('CONFIG_CC_VERSION_TEXT="other gcc 1.0"\n')
        r = self.check("--kbuild", tree)
        self.assertEqual(r.returncode, 2)
        self.assertIn("configured for 'other gcc 1.0'", r.stderr)
        self.assertEqual(self.check("--kbuild", tree, "--kbuild-arg", f"CC={compiler}").returncode, 1)
        (tree / "include" / "generated" / "autoconf.h").unlink()
        r = self.check("--kbuild", tree)
        self.assertEqual(r.returncode, 2)
        self.assertIn("not configured", r.stderr)

    def test_trace(self):
        r = self.check("--trace", "f", self.write("a.c", BAD), "--", "-std=gnu11")
        self.assertIn("fires transition", r.stdout)

    def test_a_huge_function_is_bounded_and_counted(self):
        body = "".join(f"\tif (a[{i}] > b) {{ cli(); b += a[{i + 1}]; }} else if (b) sti();\n" for i in range(1500))
        a = self.write("a.c", BAD.split("int f")[0] + "int f(int *a, int b)\n{\n" + body + "\treturn b;\n}\n")
        r = self.check("--stats", a, "--", "-std=gnu11")
        self.assertIn(r.returncode, (0, 1))
        self.assertRegex(r.stderr, r"cut +1 of 1 functions looked into \(100.00 %\): by blocks 1")

    def test_the_rule_pages_are_current(self):
        pages = HERE.parent.parent / "docs" / "rules"
        fresh = self.dir / "pages"
        fresh.mkdir()
        self.assertEqual(self.run_metal("index", fresh).returncode, 0)
        made = {p.name: p.read_text() for p in fresh.iterdir()}
        self.assertEqual(made, {p.name: p.read_text() for p in pages.iterdir() if p.suffix == ".md"})


if __name__ == "__main__":
    unittest.main()
