// Exactly rounded sums, by cell: fixed-point numbers of 32 bits a plane in units of 2^-1074, planes made as they are
// touched. A sum does not depend on the order of what is added, hence neither on blocks nor on threads.

class Exact {
 public:
  explicit Exact(int64_t cells) : planes_(kPlanes), odd_(cells, 0.0), cells_(cells) {}

  void Add(double x, int64_t cell) {
    const uint64_t bits = __builtin_bit_cast(uint64_t, x);
    const int exponent = static_cast<int>(bits >> 52 & 0x7ff);
    uint64_t mantissa = bits & 0x000fffffffffffffu;
    if (exponent == 0x7ff) {
      odd_[cell] += x;
      return;
    }
    if (exponent == 0 && mantissa == 0) return;
    const int place = exponent == 0 ? 0 : exponent - 1;
    if (exponent != 0) mantissa |= 0x0010000000000000u;
    const int plane = place >> 5, shift = place & 31;
    const uint64_t low = (mantissa & 0xffffffffu) << shift;       // below 2^63
    const uint64_t high = (mantissa >> 32) << shift;              // 21 bits and 31
    int64_t parts[3] = {static_cast<int64_t>(low & 0xffffffffu),
                        static_cast<int64_t>((low >> 32) + (high & 0xffffffffu)), static_cast<int64_t>(high >> 32)};
    for (int j = 0; j < 3; ++j) {
      if (planes_[plane + j].empty()) planes_[plane + j].assign(cells_, 0);
      planes_[plane + j][cell] += bits >> 63 ? -parts[j] : parts[j];
    }
    if (++added_ == kMost) Carry();
  }

  // Each plane to [-2^31, 2^31): what is added next cannot overflow. A plane above is made where something is carried.
  void Carry() {
    added_ = 0;
    for (int plane = 0; plane + 1 < kPlanes; ++plane) {
      auto& digits = planes_[plane];
      for (size_t cell = 0; cell < digits.size(); ++cell) {
        const int64_t carried = (digits[cell] + 2147483648) >> 32;
        if (carried == 0) continue;
        if (planes_[plane + 1].empty()) planes_[plane + 1].assign(cells_, 0);
        planes_[plane + 1][cell] += carried;
        digits[cell] -= carried * 4294967296;
      }
    }
  }

  // The first plane, the planes (cells side by side), and what was not finite.
  PyObject* State() const {
    int first = kPlanes, last = -1;
    for (int plane = 0; plane < kPlanes; ++plane) {
      if (planes_[plane].empty()) continue;
      first = plane < first ? plane : first;
      last = plane;
    }
    std::vector<int64_t> all;
    all.reserve(1);  // not null, be it empty
    for (int plane = first; plane <= last; ++plane) {
      if (planes_[plane].empty()) all.resize(all.size() + cells_, 0);
      else all.insert(all.end(), planes_[plane].begin(), planes_[plane].end());
    }
    return Py_BuildValue("iy#y#", last < 0 ? 0 : first, reinterpret_cast<const char*>(all.data()),
                         static_cast<Py_ssize_t>(all.size() * 8), reinterpret_cast<const char*>(odd_.data()),
                         static_cast<Py_ssize_t>(odd_.size() * 8));
  }

  // The values of a run to one cell: on grids where their sums are exact, one by one where that leaves a rest.
  void AddRun(const double* x, int64_t n, const Table& table) {
    double grids[3], sums[3], size = 0.0;
    for (int attempt = 0; attempt < 2; ++attempt) {
      const int levels = attempt == 0 ? levels_ : 3;
      for (int level = 0; level < levels; ++level) {
        const int exponent = top_ + kHeadroom - level * (53 - kHeadroom);
        grids[level] = std::ldexp(1.0, exponent < -1022 ? -1022 : exponent);
      }
      const bool done = (levels == 2 ? table.extract2 : table.extract3)(x, n, grids, sums, &size);
      if (size == 0.0 && done) return;
      if (!(size <= kLargest)) break;
      int top;
      std::frexp(size, &top);
      const bool fits = top <= top_;
      if (done && fits) {
        for (int level = 0; level < levels; ++level) Add(sums[level], 0);
        if (top_ > top + 8) top_ = top + 1;
        levels_ = levels == 3 && sums[2] == 0.0 ? 2 : levels;
        return;
      }
      top_ = top + (fits ? 0 : 1);
      levels_ = 3;
    }
    for (int64_t i = 0; i < n; ++i) Add(x[i], 0);
  }

 private:
  static constexpr int kPlanes = 68, kHeadroom = 11;  // runs of up to 2^11 - 2
  static constexpr int64_t kMost = int64_t{1} << 28;
  static constexpr double kLargest = 0x1p1000;
  std::vector<std::vector<int64_t>> planes_;
  std::vector<double> odd_;
  int64_t cells_, added_ = 0;
  int top_ = 4, levels_ = 2;
};
