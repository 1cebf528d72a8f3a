"""Which functions the claimed runs come to."""

import threading
import time

import pytest

from tests.verify.static.written import program, whole

TOOL = """
class Tool:
    def used(self):
        return self.inner()
    def inner(self):
        return 1
    def idle(self):
        return 2
"""
EXTRA = "def extra(args):\n    return 1\n"


def reached(source: str, name: str, **more) -> bool | None:
    found = [function for function in program(source, **more).functions if function.name == name]
    assert len(found) == 1
    return found[0].reached


def with_steps(steps: str) -> str:
    return whole(EXTRA, steps + "\nbpb = eval_val(args, model, tokens, table)")


def test_a_function_that_nobody_names_is_dead():
    assert reached(whole(EXTRA), "extra") is False


@pytest.mark.parametrize(
    ("steps", "alive"),
    [
        ("extra(args)", True),
        ("if args.adapt_enabled:\n    extra(args)", True),
        ("if not args.adapt_enabled:\n    extra(args)", False),
        ("if args.epochs > 5 and args.adapt_enabled:\n    extra(args)", False),
        ("if args.epochs > 5 or args.adapt_enabled:\n    extra(args)", True),
        ("for i in range(args.epochs - 3):\n    extra(args)", False),
        ("if model is None:\n    extra(args)", True),
        ("flag = args.epochs == 99\nif flag:\n    extra(args)", False),
        ("if args.adapt_enabled:\n    bpb = 0\n    return\nextra(args)", False),
        ("run = extra if args.epochs > 9 else None", False),
        ("import functools\nfunctools.partial(extra, args)()", True),
        ("import threading\nthreading.Thread(target=extra, args=(args,)).start()", True),
        ("table_of = {'a': extra}\ntable_of['a'](args)", True),
    ],
)
def test_branches_decide_what_is_reached(steps, alive):
    assert reached(with_steps(steps), "extra") is alive


def test_the_run_command_switches_a_branch():
    source = with_steps("if args.epochs > 5:\n    extra(args)")
    assert (reached(source, "extra"), reached(source, "extra", EPOCHS="8")) == (False, True)


def test_a_line_in_the_log_proves_that_a_branch_ran():
    source = with_steps("if args.epochs > 5:\n    print('extra pass begins')\n    extra(args)")
    assert reached(source, "extra", log="step 1\nextra pass begins\nfinal val_bpb:1.06\n") is True


def test_the_script_in_the_log_proves_nothing():
    source = with_steps("if args.epochs > 5:\n    print('extra pass begins')\n    extra(args)")
    assert reached(source, "extra", log=source + "\nfinal val_bpb:1.06\n") is False


def test_a_parameter_that_is_the_same_at_every_call_decides():
    source = whole(
        EXTRA + "def outer(args, is_on=False):\n    if is_on:\n        extra(args)\n",
        "outer(args)\nbpb = eval_val(args, model, tokens, table)",
    )
    assert reached(source, "extra") is False


def test_methods_are_reached_through_their_class():
    source = whole(TOOL, "Tool().used()\nbpb = 1")
    assert [reached(source, f"Tool.{name}") for name in ("used", "inner", "idle")] == [True, True, False]


def test_a_helper_file_is_followed():
    source = whole("import tool\n", "tool.work(tokens)\nbpb = 1")
    found = program(source, helpers={"tool.py": "def work(x):\n    return x\n\ndef idle(x):\n    return x\n"})
    assert {f.name: f.reached for f in found.functions if f.script.path == "tool.py"} == {
        "<module>": True,
        "work": True,
        "idle": False,
    }


def test_names_looked_up_at_run_time_leave_the_question_open():
    assert reached(with_steps("globals()['ex' + 'tra'](args)"), "extra") is None


def test_a_script_that_cannot_be_parsed_is_named():
    found = program("def main(:\n")
    assert (found.functions, [script.path for script in found.unparsed]) == ([], ["train_gpt.py"])


def test_a_place_names_file_line_and_text():
    found = program(whole(EXTRA))
    function = next(f for f in found.functions if f.name == "extra")
    place = found.place(function, function.node.body[0])
    assert (place.file, place.quote, place.unpacked) == ("train_gpt.py", "return 1", False)


def test_a_deep_tree_is_walked_without_recursion():
    source = whole("", "bpb = " + " + ".join(["args.epochs"] * 700))
    done = threading.Event()

    def work():
        program(source)
        done.set()

    threading.Thread(target=work).start()
    assert done.wait(20)


def test_a_long_script_is_read_in_moderate_time():
    bodies = "".join(
        f"def part_{i}(x, y):\n    z = x + y\n    for k in range(10):\n        z = z * k - x[k]\n    return z\n"
        for i in range(300)
    )
    start = time.process_time()
    program(whole(bodies))
    assert time.process_time() - start < 2.0


def test_names_set_from_one_another_are_followed_once_each():
    """Four definitions of each of 30 names, each made of the next: 4 ** 24 ways without a memory."""
    lines = [f"    n{i} = n{(i + k) % 30} + n{(i + 2 * k) % 30}" for i in range(30) for k in (1, 2, 3, 4)]
    knot = "def extra(args):\n" + "\n".join(lines) + "\n    if n0 > 1:\n        return n1\n"
    source = whole(knot, "extra(args)\nbpb = eval_val(args, model, tokens, table)")
    start = time.process_time()
    assert reached(source, "extra") is True
    assert time.process_time() - start < 5.0
