"""The names of the options that commands share: no role and no parameter may take one."""

COMMON_OPTIONS = frozenset(
    "weight group unit_weight by id where limit dry_run truth on join many_to_one model_column missing".split()
    + "delimiter quote decimal header no_header na_values classes positive_label reduction format output".split()
    + "per_row gradient export precision quiet ci ci_method seed stats max min strict threads memory engine".split()
    + "scheduler plugin coef_file combine log_var reference debug help version loss file".split()
)
