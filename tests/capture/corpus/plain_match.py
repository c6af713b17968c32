# %%
from dataclasses import dataclass

@dataclass
class Num:
    value: float

@dataclass
class BinOp:
    op: str
    left: object
    right: object

@dataclass
class Name:
    id: str

# %%
def evaluate(tree, env={}):
    match tree:
        case Num(value):
            return value
        case Name(id) if id in env:
            return env[id]
        case Name(id):
            raise NameError(f"{id} has no value")
        case BinOp("+", left, right):
            return evaluate(left, env) + evaluate(right, env)
        case BinOp("*", Num(0), _) | BinOp("*", _, Num(0)):
            return 0
        case BinOp("*", left, right):
            return evaluate(left, env) * evaluate(right, env)
        case _:
            raise TypeError(tree)

tree = BinOp("+", Num(2), BinOp("*", Name("x"), Num(5)))

# %%
evaluate(tree, {"x": 3})

# %% raises NameError
evaluate(tree)

# %% raises TypeError
evaluate(BinOp("-", Num(1), Num(1)))

# %%
def simplify(tree):
    match tree:
        case BinOp("*", Num(1), other) | BinOp("*", other, Num(1)):
            return simplify(other)
        case BinOp(op, left, right):
            return BinOp(op, simplify(left), simplify(right))
    return tree

simplify(BinOp("+", BinOp("*", Num(1), Name("y")), Num(3)))

# %%
for command in ("go north", "take lamp now", "quit", ""):
    match command.split():
        case ["go", ("north" | "south") as direction]:
            print("going", direction)
        case ["take", item, *rest]:
            print("taking", item, rest)
        case ["quit"]:
            print("bye")
        case []:
            print("...")

# %%
match {"kind": "circle", "r": 2, "colour": "red"}:
    case {"kind": "circle", "r": radius, **others}:
        area = 3 * radius**2
(area, others)

# %%
match tree.right.left, [1, [2, 3]]:
    case Name(id=who), [_, [*inner]]:
        pass
who, inner
