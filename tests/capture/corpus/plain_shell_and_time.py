# %%
import os
folder, word, numbers = "/", "hello", [1, 2]
%load_ext autoreload
%autoreload 2

# %%
!echo $word {numbers[1]} {word.upper()}

# %%
lines = !printf "a\nb\n"
lines

# %%
for n in numbers:
    !echo number {n}

# %%
%time sum(range(1000))

# %%
%time squares = [n * n for n in numbers]
squares

# %%
%timeit -n 3 -r 2 sorted(numbers)

# %%
%%time
total = 0
for n in range(100):
    total += n * numbers[1]
total

# %%
%%timeit -n 2 -r 3 values = numbers * 10
values.sort()
len(values)

# %%
result = %time max(numbers)
result + 1

# %%
def compute(n):
    return sum(range(n))

%time compute(10)

# %%
!true
_exit_code

# %%
!ls -d {folder}
here = %pwd
os.path.isabs(here)

# %%
message = f"{word}, {os.path.basename('/a/b')}"
!echo "$message" | tr a-z A-Z

# %%
%%bash
for i in 1 2; do echo "from bash $i"; done

# %% raises ZeroDivisionError
%time 1 / 0
