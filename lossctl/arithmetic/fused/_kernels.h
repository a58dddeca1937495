// Operations on runs of doubles, compiled once per instruction set: included several times, each in a namespace of its
// own under another target. Nothing here is fused or reassociated (-ffp-contract=off), so that every instruction set
// gives the same digits. Loops are plain, without branches, and left to the compiler to vectorise.
//
// exp, log and log1p follow the reductions of fdlibm (Sun Microsystems 1993), with polynomials in place of its branches;
// tanh near 0 is Cephes' (Moshier 1989). At most 2 units in the last place, subnormals included.

#ifdef FUSED_VECTOR
constexpr int kLanes = FUSED_LANES;
typedef double Lane __attribute__((vector_size(FUSED_LANES * 8), aligned(8), may_alias));
typedef long long Whole __attribute__((vector_size(FUSED_LANES * 8), aligned(8), may_alias));
#endif

FUSED_INLINE uint64_t Bits(double x) { return __builtin_bit_cast(uint64_t, x); }
FUSED_INLINE double Number(uint64_t x) { return __builtin_bit_cast(double, x); }
FUSED_INLINE double Size(double x) { return Number(Bits(x) & 0x7fffffffffffffffu); }
FUSED_INLINE double Signed(double size, double sign) {
  return Number((Bits(size) & 0x7fffffffffffffffu) | (Bits(sign) & 0x8000000000000000u));
}

constexpr double kLn2High = 6.93147180369123816490e-01, kLn2Low = 1.90821492927058770002e-10;
constexpr double kInverseLn2 = 1.44269504088896338700, kRound = 6755399441055744.0;  // 1.5 * 2^52

// (exp(r) - 1 - r) / r^2 for |r| <= log(2) / 2
FUSED_INLINE double ExpRest(double r) {
  const double s = r * r;
  double even = 1.0 / 479001600, odd = 1.0 / 6227020800;
  even = even * s + 1.0 / 3628800;
  odd = odd * s + 1.0 / 39916800;
  even = even * s + 1.0 / 40320;
  odd = odd * s + 1.0 / 362880;
  even = even * s + 1.0 / 720;
  odd = odd * s + 1.0 / 5040;
  even = even * s + 1.0 / 24;
  odd = odd * s + 1.0 / 120;
  even = even * s + 0.5;
  odd = odd * s + 1.0 / 6;
  return even + r * odd;
}

struct Reduced {
  double n, growth;  // exp(x) = 2^n (1 + growth)
};
FUSED_INLINE Reduced Reduce(double x) {
  const double n = (x * kInverseLn2 + kRound) - kRound;
  const double high = x - n * kLn2High, low = n * kLn2Low;
  const double r = high - low, lost = (high - r) - low;
  return {n, r + (r * r * ExpRest(r) + lost)};
}
// 2^n for whole -1022 <= n <= 1023
FUSED_INLINE double Power2(double n) { return Number((Bits(n + kRound) + 1023) << 52); }

FUSED_INLINE double ExpOf(double x) {
  x = x > 710.0 ? 710.0 : x;
  x = x < -746.0 ? -746.0 : x;
  const Reduced part = Reduce(x);
  const double half = (part.n * 0.5 + kRound) - kRound;
  return (1.0 + part.growth) * Power2(half) * Power2(part.n - half);
}

FUSED_INLINE double Expm1Of(double x) {
  double y = x > 710.0 ? 710.0 : x;
  y = y < -40.0 ? -40.0 : y;
  const Reduced part = Reduce(y);
  const double scale = Power2(part.n - 1.0);
  const double whole = 2.0 * (scale * part.growth + (scale - 0.5));
  const double value = part.n == 0.0 ? part.growth : whole;
  return x == 0.0 ? x : value;
}

// log(1 + f) - (f - f^2 / 2), divided by s = f / (2 + f), less f^2 / 2
FUSED_INLINE double LogRest(double s) {
  const double z = s * s, w = z * z;
  const double even = w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01));
  const double odd = z * (6.666666666666735130e-01 + w * (2.857142874366239149e-01 +
                          w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01)));
  return odd + even;
}

struct Parted {
  double k, f;  // x = 2^k (1 + f), sqrt(1/2) <= 1 + f < sqrt(2)
};
FUSED_INLINE Parted Part(double x) {
  const uint64_t moved = Bits(x) + (0x3ff0000000000000u - 0x3fe6a09e00000000u);
  const double k = Number((moved >> 52) | 0x4330000000000000u) - (4503599627370496.0 + 1023.0);
  return {k, Number((moved & 0x000fffffffffffffu) + 0x3fe6a09e00000000u) - 1.0};
}

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kTiny = 2.2250738585072014e-308, kHuge = 1.7976931348623157e308;

FUSED_INLINE double LogOf(double x) {
  const double y = x < kTiny ? x * 18014398509481984.0 : x;
  const double shift = x < kTiny ? -54.0 : 0.0;
  const Parted part = Part(y);
  const double k = part.k + shift, f = part.f, s = f / (2.0 + f), half = 0.5 * f * f;
  double value = k * kLn2High - ((half - (s * (half + LogRest(s)) + k * kLn2Low)) - f);
  value = x > kHuge ? x : value;
  value = x == 0.0 ? -kInfinity : value;
  value = x < 0.0 ? kNaN : value;
  return x != x ? x : value;
}

FUSED_INLINE double Log1pOf(double x) {
  const double u = 1.0 + x;
  const Parted part = Part(u);
  const bool near = (x > -0.2928932188134524) & (x < 0.4142135623730950);
  const double lost = x >= 1.0 ? 1.0 - (u - x) : x - (u - 1.0);
  const double k = near ? 0.0 : part.k, f = near ? x : part.f;
  const double rest = near ? 0.0 : lost / u;
  const double s = f / (2.0 + f), half = 0.5 * f * f;
  double value = k * kLn2High - ((half - (s * (half + LogRest(s)) + (k * kLn2Low + rest))) - f);
  value = x > kHuge ? x : value;
  value = x == -1.0 ? -kInfinity : value;
  value = x < -1.0 ? kNaN : value;
  value = x == 0.0 ? x : value;
  return x != x ? x : value;
}

FUSED_INLINE double TanhOf(double x) {
  const double a = Size(x), z = x * x;
  const double p = (-9.64399179425052238628e-1 * z - 9.92877231001918586564e1) * z - 1.61468768441708447952e3;
  const double q = ((z + 1.12811678491632931402e2) * z + 2.23548839060100448583e3) * z + 4.84406305325125486048e3;
  const double far = 1.0 - 2.0 / (ExpOf(2.0 * a) + 1.0);
  const double near = a + a * (z * p / q);
  return Signed(a < 0.625 ? near : far, x);
}

FUSED_INLINE double RintOf(double x) {
  const double shift = Signed(4503599627370496.0, x);
  return Signed(Size(x) < 4503599627370496.0 ? (x + shift) - shift : x, x);
}

#define FUSED_OP1(NAME, EXPRESSION) \
  struct NAME {                     \
    static FUSED_INLINE double F(double a, double, double) { return EXPRESSION; } \
  };
#define FUSED_OP2(NAME, EXPRESSION) \
  struct NAME {                     \
    static FUSED_INLINE double F(double a, double b, double) { return EXPRESSION; } \
  };
#define FUSED_OP3(NAME, EXPRESSION) \
  struct NAME {                     \
    static FUSED_INLINE double F(double a, double b, double c) { return EXPRESSION; } \
  };
FUSED_OP1(Neg, -a)
FUSED_OP1(Abs, Size(a))
FUSED_OP1(Sqrt, FUSED_SQRT(a))
FUSED_OP1(Exp, ExpOf(a))
FUSED_OP1(Expm1, Expm1Of(a))
FUSED_OP1(Log, LogOf(a))
FUSED_OP1(Log1p, Log1pOf(a))
FUSED_OP1(Tanh, TanhOf(a))
FUSED_OP1(Sign, a != a ? a : (a > 0.0 ? 1.0 : 0.0) - (a < 0.0 ? 1.0 : 0.0))
FUSED_OP1(Rint, RintOf(a))
FUSED_OP1(Floor, RintOf(a) - (RintOf(a) > a ? 1.0 : 0.0))
FUSED_OP1(Ceil, RintOf(a) + (RintOf(a) < a ? 1.0 : 0.0))
FUSED_OP1(IsNan, a != a ? 1.0 : 0.0)
FUSED_OP1(IsInf, Size(a) > kHuge ? 1.0 : 0.0)
FUSED_OP1(IsFinite, Size(a) <= kHuge ? 1.0 : 0.0)
FUSED_OP1(Not, 1.0 - a)
FUSED_OP1(Sin, std::sin(a))
FUSED_OP1(Cos, std::cos(a))
FUSED_OP1(Arctan, std::atan(a))
FUSED_OP1(Sinh, std::sinh(a))
FUSED_OP1(Cosh, std::cosh(a))
FUSED_OP1(Log2, std::log2(a))
FUSED_OP1(Log10, std::log10(a))
FUSED_OP1(Exp2, std::exp2(a))
FUSED_OP2(Add, a + b)
FUSED_OP2(Sub, a - b)
FUSED_OP2(Mul, a * b)
FUSED_OP2(Div, a / b)
FUSED_OP2(Minimum, ((a <= b) | (a != a)) ? a : b)
FUSED_OP2(Maximum, ((a >= b) | (a != a)) ? a : b)
FUSED_OP2(Pow, std::pow(a, b))
FUSED_OP2(Less, a < b ? 1.0 : 0.0)
FUSED_OP2(LessEqual, a <= b ? 1.0 : 0.0)
FUSED_OP2(Equal, a == b ? 1.0 : 0.0)
FUSED_OP2(NotEqual, a != b ? 1.0 : 0.0)
FUSED_OP2(And, a * b)
FUSED_OP2(Or, (a + b) - a * b)
FUSED_OP2(CopySign, Signed(a, b))
FUSED_OP2(Hypot, std::hypot(a, b))
FUSED_OP3(Where, a != 0.0 ? b : c)
FUSED_OP3(MulAdd, a * b + c)
FUSED_OP3(MulSub, a * b - c)
FUSED_OP3(SubMul, c - a * b)

// Constants are read where they stand, the others by the element; results may replace an operand.
template <class Op, bool A, bool B, bool C>
void Apply(double* out, const double* a, const double* b, const double* c, int64_t n) {
  const double a0 = *a, b0 = *b, c0 = *c;
  FUSED_IVDEP
  for (int64_t i = 0; i < n; ++i) out[i] = Op::F(A ? a0 : a[i], B ? b0 : b[i], C ? c0 : c[i]);
}

template <class Op>
void Fill(Function* row, int operands) {
  row[0] = Apply<Op, false, false, false>;
  if (operands < 2) return;
  row[1] = Apply<Op, true, false, false>;
  row[2] = Apply<Op, false, true, false>;
  row[3] = Apply<Op, true, true, false>;
  if (operands < 3) return;
  row[4] = Apply<Op, false, false, true>;
  row[5] = Apply<Op, true, false, true>;
  row[6] = Apply<Op, false, true, true>;
  row[7] = Apply<Op, true, true, true>;
}

// Smallest, largest and the NaNs of a run.
void Scan(const double* x, int64_t n, double* low, double* high, int64_t* nans) {
  double lo = kInfinity, hi = -kInfinity;
  int64_t odd = 0, i = 0;
#ifdef FUSED_VECTOR
  Lane lows[2], highs[2];
  decltype(lows[0] != lows[0]) counts = {};
  for (int j = 0; j < 2; ++j) lows[j] = Lane{} + kInfinity, highs[j] = Lane{} - kInfinity;
  for (; i + 2 * kLanes <= n; i += 2 * kLanes) {
    for (int j = 0; j < 2; ++j) {
      const Lane v = *reinterpret_cast<const Lane*>(x + i + j * kLanes);
      lows[j] = v < lows[j] ? v : lows[j];
      highs[j] = v > highs[j] ? v : highs[j];
      counts -= v != v;
    }
  }
  for (int j = 0; j < kLanes; ++j) {
    for (int k = 0; k < 2; ++k) {
      lo = lows[k][j] < lo ? lows[k][j] : lo;
      hi = highs[k][j] > hi ? highs[k][j] : hi;
    }
    odd += counts[j];
  }
#endif
  for (; i < n; ++i) {
    lo = x[i] < lo ? x[i] : lo;
    hi = x[i] > hi ? x[i] : hi;
    odd += x[i] != x[i];
  }
  *low = lo < *low ? lo : *low;
  *high = hi > *high ? hi : *high;
  *nans += odd;
}

// A run on grids, each 51 bits finer than the one before: what stands on a grid is added up as integers, in its units,
// and the rest goes to the next (after Rump, Ogita, Oishi 2008). True where nothing is left, and the sums are exact.
// Grids are 1.5 * 2^k, at least four times any value; `size` becomes the largest absolute one. Runs of up to 2^11.
template <int LEVELS>
bool Extract(const double* x, int64_t n, const double* grids, int64_t* sums, double* size) {
  double most = 0.0;
  uint64_t totals[LEVELS] = {}, left = 0;
  int64_t i = 0;
#ifdef FUSED_VECTOR
  Whole lanes[2][LEVELS], rests[2];
  Lane mosts[2];
  for (int j = 0; j < 2; ++j) {
    mosts[j] = Lane{};
    rests[j] = Whole{};
    for (int level = 0; level < LEVELS; ++level) lanes[j][level] = Whole{};
  }
  for (; i + 2 * kLanes <= n; i += 2 * kLanes) {
    for (int j = 0; j < 2; ++j) {
      Lane rest = *reinterpret_cast<const Lane*>(x + i + j * kLanes);
      const Lane a = (Lane)((Whole)rest & 0x7fffffffffffffff);
      mosts[j] = a > mosts[j] ? a : mosts[j];
      for (int level = 0; level < LEVELS; ++level) {
        const Lane moved = rest + grids[level];
        lanes[j][level] += (Whole)moved;
        rest -= moved - grids[level];
      }
      rests[j] |= (Whole)(rest != 0.0);
    }
  }
  for (int j = 0; j < kLanes; ++j) {
    for (int k = 0; k < 2; ++k) {
      for (int level = 0; level < LEVELS; ++level) totals[level] += static_cast<uint64_t>(lanes[k][level][j]);
      most = mosts[k][j] > most ? mosts[k][j] : most;
      left |= static_cast<uint64_t>(rests[k][j]);
    }
  }
#endif
  for (; i < n; ++i) {
    double rest = x[i];
    most = Size(rest) > most ? Size(rest) : most;
    for (int level = 0; level < LEVELS; ++level) {
      const double moved = rest + grids[level];
      totals[level] += Bits(moved);
      rest -= moved - grids[level];
    }
    left |= rest != 0.0 ? 1 : 0;
  }
  // all modulo 2^64: the sums themselves are below 2^62
  for (int level = 0; level < LEVELS; ++level) {
    sums[level] = static_cast<int64_t>(totals[level] - static_cast<uint64_t>(n) * Bits(grids[level]));
  }
  *size = most;
  return left == 0;
}

const Table* Operations() {
  static const Table table = [] {
    Table made{};
    Function(*at)[8] = made.functions;
    // in the order of the operations' numbers (program.py)
    Fill<Neg>(*at++, 1), Fill<Abs>(*at++, 1), Fill<Sqrt>(*at++, 1), Fill<Exp>(*at++, 1), Fill<Expm1>(*at++, 1);
    Fill<Log>(*at++, 1), Fill<Log1p>(*at++, 1), Fill<Tanh>(*at++, 1), Fill<Sign>(*at++, 1), Fill<Rint>(*at++, 1);
    Fill<Floor>(*at++, 1), Fill<Ceil>(*at++, 1), Fill<IsNan>(*at++, 1), Fill<IsInf>(*at++, 1);
    Fill<IsFinite>(*at++, 1), Fill<Not>(*at++, 1), Fill<Sin>(*at++, 1), Fill<Cos>(*at++, 1);
    Fill<Arctan>(*at++, 1), Fill<Sinh>(*at++, 1), Fill<Cosh>(*at++, 1), Fill<Log2>(*at++, 1);
    Fill<Log10>(*at++, 1), Fill<Exp2>(*at++, 1);
    Fill<Add>(*at++, 2), Fill<Sub>(*at++, 2), Fill<Mul>(*at++, 2), Fill<Div>(*at++, 2), Fill<Minimum>(*at++, 2);
    Fill<Maximum>(*at++, 2), Fill<Pow>(*at++, 2), Fill<Less>(*at++, 2), Fill<LessEqual>(*at++, 2);
    Fill<Equal>(*at++, 2), Fill<NotEqual>(*at++, 2), Fill<And>(*at++, 2), Fill<Or>(*at++, 2);
    Fill<CopySign>(*at++, 2), Fill<Hypot>(*at++, 2);
    Fill<Where>(*at++, 3), Fill<MulAdd>(*at++, 3), Fill<MulSub>(*at++, 3), Fill<SubMul>(*at++, 3);
    made.scan = Scan;
    made.extract1 = Extract<1>;
    made.extract2 = Extract<2>;
    return made;
  }();
  return &table;
}

#undef FUSED_OP1
#undef FUSED_OP2
#undef FUSED_OP3
