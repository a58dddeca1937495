// Programs of recorded kernels, run over chunks that stay in the cache: inputs of every primitive Arrow type, checked
// as they are read, then the operations, then sums, extremes and row values. The interpreter's lock is let go.

#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <new>
#include <vector>

#if defined(__GNUC__) || defined(__clang__)
#define FUSED_INLINE inline __attribute__((always_inline))
#define FUSED_SQRT __builtin_sqrt
#define FUSED_VECTOR 1
#else
#define FUSED_INLINE inline
#define FUSED_SQRT std::sqrt
#endif
#if defined(__clang__)
#define FUSED_IVDEP _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define FUSED_IVDEP _Pragma("GCC ivdep")
#else
#define FUSED_IVDEP __pragma(loop(ivdep))
#endif

#ifdef __FAST_MATH__
#error "sums are exact only where nothing is reassociated"
#endif

namespace {

static_assert(FLT_EVAL_METHOD == 0, "doubles are doubles: no digits beyond them, which exact sums could not tell");
constexpr int kOperations = 43;
using Function = void (*)(double*, const double*, const double*, const double*, int64_t);
struct Table {
  Function functions[kOperations][8];
  void (*scan)(const double*, int64_t, double*, double*, int64_t*);
  bool (*extract1)(const double*, int64_t, const double*, int64_t*, double*);
  bool (*extract2)(const double*, int64_t, const double*, int64_t*, double*);
};

namespace baseline {
#define FUSED_LANES 2
#include "_kernels.h"
#undef FUSED_LANES
}  // namespace baseline

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define FUSED_X86 1
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2")
#endif
namespace avx2 {
#define FUSED_LANES 4
#include "_kernels.h"
#undef FUSED_LANES
}  // namespace avx2
#if defined(__clang__)
#pragma clang attribute pop
#pragma clang attribute push(__attribute__((target("avx512f,avx512dq,avx512vl,avx512bw"))), apply_to = function)
#else
#pragma GCC pop_options
#pragma GCC push_options
#pragma GCC target("avx512f,avx512dq,avx512vl,avx512bw,prefer-vector-width=512")
#endif
namespace avx512 {
#define FUSED_LANES 8
#include "_kernels.h"
#undef FUSED_LANES
}  // namespace avx512
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
#endif

#include "_exact.h"
#include "_columns.h"

// The instruction sets of this binary that the processor has, the best last.
struct Level {
  const char* name;
  const Table* table;
};
const std::vector<Level>& Levels() {
  static const std::vector<Level> levels = [] {
#if defined(__aarch64__)
    std::vector<Level> found = {{"neon", baseline::Operations()}};
#elif defined(FUSED_X86)
    std::vector<Level> found = {{"sse2", baseline::Operations()}};
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2")) found.push_back({"avx2", avx2::Operations()});
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw")) {
      found.push_back({"avx512", avx512::Operations()});
    }
#else
    std::vector<Level> found = {{"scalar", baseline::Operations()}};
#endif
    return found;
  }();
  return levels;
}

// What is not an operation on runs (program.py): numbers follow those of the operations.
enum Special : int32_t { kPick = kOperations, kSkip, kSum, kMost, kLeast, kRows };

struct Instruction {
  int32_t operation, out, a, b, c;
};

struct Check {
  double nulls = 0, nans = 0, low = std::numeric_limits<double>::infinity(), high = -low, large = 0;
};

// Largest values by cell; a NaN stays.
struct Extreme {
  std::vector<double> values;
  double sign;
  void Add(double x, int64_t cell) {
    const double v = sign * x;
    if (v > values[cell] || v != v) values[cell] = v;
  }
};

class Run {
 public:
  const Table* table = nullptr;
  const Instruction* code = nullptr;
  int64_t length = 0;
  const int32_t* extra = nullptr;
  const double* constants = nullptr;
  int32_t registers = 0;
  std::vector<Column> columns;
  int64_t rows = 0, kept = 0, cells = 1;
  const uint8_t* mask = nullptr;
  const int32_t* codes = nullptr;
  std::vector<Exact> sums;
  std::vector<Extreme> extremes;
  std::vector<int32_t> place;     // of an output among its kind
  std::vector<double*> written;   // row values by output
  std::vector<Check> checks;

  // False: a code is not that of a cell.
  bool All() {
    int64_t chunk = 1024, vectors = registers + 1;
    for (const Column& column : columns) vectors += column.Plain(0) == nullptr ? 1 : 0;
    while (chunk > 128 && chunk * vectors > 24576) chunk /= 2;  // what is written stays in the cache
    chunk_ = chunk;
    registers_.resize(registers * chunk);
    converted_.resize(columns.size());
    vectors_.resize(registers + columns.size());
    for (int32_t at = 0; at < registers; ++at) vectors_[at] = registers_.data() + at * chunk;
    spare_.resize(chunk);
    for (int64_t start = 0; start < rows; start += chunk) {
      if (!Chunk(start, rows - start < chunk ? rows - start : chunk)) return false;
    }
    for (auto& sum : sums) sum.Carry();
    return true;
  }

 private:
  int64_t chunk_ = 0;
  std::vector<double> registers_, spare_;
  std::vector<std::vector<double>> converted_;
  std::vector<const double*> vectors_;
  std::vector<uint8_t> gone_;
  std::vector<int32_t> places_, cells_;
  std::vector<double*> outs_;

  bool Chunk(int64_t start, int64_t n) {
    bool whole = true;
    gone_.assign(n, 0);
    if (mask != nullptr) {
      for (int64_t i = 0; i < n; ++i) gone_[i] = mask[start + i] == 0;
      whole = std::memchr(gone_.data(), 1, n) == nullptr;
    }
    const bool masked = !whole;
    for (size_t at = 0; at < columns.size(); ++at) {
      const int64_t nulls = columns[at].Nulls(start, n, gone_.data(), masked ? mask : nullptr);
      checks[at].nulls += static_cast<double>(nulls);
      whole = whole && nulls == 0;
    }
    int64_t used = n;
    if (!whole) {
      places_.resize(n);
      used = 0;
      for (int64_t i = 0; i < n; ++i) {
        places_[used] = static_cast<int32_t>(i);
        used += gone_[i] == 0;
      }
    }
    const int32_t* cell = codes == nullptr ? nullptr : codes + start;
    if (cell != nullptr) {
      if (!whole) {
        cells_.resize(n);
        for (int64_t i = 0; i < used; ++i) cells_[i] = cell[places_[i]];
        cell = cells_.data();
      }
      const uint32_t beyond = cells > INT32_MAX ? INT32_MAX : static_cast<uint32_t>(cells);
      uint32_t wrong = 0;
      for (int64_t i = 0; i < used; ++i) wrong |= static_cast<uint32_t>(cell[i]) >= beyond;
      if (wrong != 0) return false;
    }
    kept += used;
    size_t ready = 0;
    for (size_t at = 0; at < columns.size(); ++at) {
      const double* values = columns[at].Plain(start);
      if (values == nullptr || !whole) {
        if (ready <= at) ready = Convert(at, start, n);
        if (!whole) {
          for (int64_t i = 0; i < used; ++i) converted_[at][i] = converted_[at][places_[i]];
        }
        values = converted_[at].data();
      }
      vectors_[registers + at] = values;
      int64_t nans = 0;
      table->scan(values, used, &checks[at].low, &checks[at].high, &nans);
      checks[at].nans += static_cast<double>(nans);
      if (whole) {
        checks[at].large += columns[at].Large(start, n);
      } else if (columns[at].type == kI64 || columns[at].type == kU64) {
        for (int64_t i = 0; i < used; ++i) checks[at].large += columns[at].Large(start + places_[i], 1);
      }
    }
    if (used > 0) Evaluate(start, used, cell);
    if (!whole) Scatter(start, n, used);
    return true;
  }

  // Converts a column, and those beside it; the first that is left.
  size_t Convert(size_t at, int64_t start, int64_t n) {
    outs_.clear();
    do {
      auto& values = converted_[at + outs_.size()];
      if (values.empty()) values.resize(chunk_);
      outs_.push_back(values.data());
    } while (at + outs_.size() < columns.size() &&
             columns[at + outs_.size() - 1].Beside(columns[at + outs_.size()]));
    if (outs_.size() == 1) {
      columns[at].Convert(start, n, outs_[0]);
    } else {
      columns[at].Transpose(start, n, outs_.data(), static_cast<int64_t>(outs_.size()));
    }
    return at + outs_.size();
  }

  const double* At(int32_t operand) const {
    return operand >= 0 ? vectors_[operand] : constants + (-operand - 1);
  }

  // An operand as a run of values, be it a constant.
  const double* Whole(int32_t operand, int64_t n) {
    if (operand >= 0) return vectors_[operand];
    std::fill(spare_.begin(), spare_.begin() + n, constants[-operand - 1]);
    return spare_.data();
  }

  void Evaluate(int64_t start, int64_t n, const int32_t* cell) {
    for (int64_t at = 0; at < length; ++at) {
      const Instruction& each = code[at];
      if (each.operation < kOperations) {
        const int variant = (each.a < 0 ? 1 : 0) | (each.b < 0 ? 2 : 0) | (each.c < 0 ? 4 : 0);
        table->functions[each.operation][variant](registers_.data() + each.out * chunk_, At(each.a), At(each.b),
                                                  At(each.c), n);
        continue;
      }
      switch (each.operation) {
        case kPick:
          Pick(each, n);
          break;
        case kSkip: {
          double low = std::numeric_limits<double>::infinity(), high = -low;
          int64_t nans = 0;
          table->scan(At(each.a), n, &low, &high, &nans);
          if (each.b == 0 ? high == 0.0 : low != 0.0) at += each.c;
          break;
        }
        case kSum: {
          const double* values = Whole(each.a, n);
          Exact& sum = sums[place[each.out]];
          if (cell == nullptr) {
            sum.AddRun(values, n, *table);
          } else {
            sum.AddEach(values, cell, n);
          }
          break;
        }
        case kMost:
        case kLeast: {
          const double* values = Whole(each.a, n);
          Extreme& extreme = extremes[place[each.out]];
          if (cell == nullptr) {
            double low = std::numeric_limits<double>::infinity(), high = -low;
            int64_t nans = 0;
            table->scan(values, n, &low, &high, &nans);
            extreme.Add(nans ? std::numeric_limits<double>::quiet_NaN() : extreme.sign > 0 ? high : low, 0);
          } else {
            for (int64_t i = 0; i < n; ++i) extreme.Add(values[i], cell[i]);
          }
          break;
        }
        default:
          if (written[each.out] != nullptr) {
            std::memcpy(written[each.out] + start, Whole(each.a, n), n * sizeof(double));
          }
      }
    }
  }

  // The component that the index says, the nearest one for an index outside.
  void Pick(const Instruction& each, int64_t n) {
    const double* index = At(each.a);
    double* out = registers_.data() + each.out * chunk_;
    const int32_t* operands = extra + each.b;
    const double top = each.c - 1;
    for (int64_t i = 0; i < n; ++i) {
      const double inside = index[i] > 0.0 ? (index[i] < top ? index[i] : top) : 0.0;
      const int32_t operand = operands[static_cast<int32_t>(inside)];
      out[i] = operand >= 0 ? vectors_[operand][i] : constants[-operand - 1];
    }
  }

  // Rows that do not count are NaN; the values of the others stand one after another from the start of the chunk on.
  void Scatter(int64_t start, int64_t n, int64_t used) {
    for (double* values : written) {
      if (values == nullptr) continue;
      std::copy(values + start, values + start + used, spare_.begin());
      std::fill(values + start, values + start + n, std::numeric_limits<double>::quiet_NaN());
      for (int64_t i = 0; i < used; ++i) values[start + places_[i]] = spare_[i];
    }
  }
};

#include "_module.h"

}  // namespace

PyMODINIT_FUNC PyInit__fused() { return PyModuleDef_Init(&module); }
