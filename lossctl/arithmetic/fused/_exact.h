// Exactly rounded sums, by cell: fixed-point numbers of 32 bits a plane in units of 2^-1074, planes made as they are
// touched. A sum does not depend on the order of what is added, hence neither on blocks nor on threads.

class Exact {
 public:
  explicit Exact(int64_t cells) : planes_(kPlanes), at_(kPlanes, nullptr), odd_(cells, 0.0), cells_(cells) {}

  void Add(double x, int64_t cell) {
    const uint64_t bits = __builtin_bit_cast(uint64_t, x);
    const int exponent = static_cast<int>(bits >> 52 & 0x7ff);
    uint64_t mantissa = bits & 0x000fffffffffffffu;
    if (exponent == 0x7ff) {
      odd_[cell] += x;
      return;
    }
    if (exponent != 0) mantissa |= 0x0010000000000000u;
    if (mantissa == 0) return;
    const int place = exponent != 0 ? exponent - 1 : 0;
    AddWhole(mantissa, place, bits >> 63, cell);
  }

  // A whole number below 2^62 in units of 2^(place - 1074).
  void AddWhole(uint64_t size, int place, uint64_t negative, int64_t cell) {
    const int plane = place >> 5, shift = place & 31;
    const uint64_t low = (size & 0xffffffffu) << shift, high = (size >> 32) << shift;
    const int64_t sign = -static_cast<int64_t>(negative);  // x ^ -1 - -1 is -x
    int64_t* const* planes = at_.data() + plane;
    if (planes[0] == nullptr || planes[1] == nullptr || planes[2] == nullptr) Make(plane);
    planes[0][cell] += (static_cast<int64_t>(low & 0xffffffffu) ^ sign) - sign;
    planes[1][cell] += (static_cast<int64_t>((low >> 32) + (high & 0xffffffffu)) ^ sign) - sign;
    planes[2][cell] += (static_cast<int64_t>(high >> 32) ^ sign) - sign;
  }

  // Values to a cell each.
  void AddEach(const double* x, const int32_t* cells, int64_t n) {
    Room(n);
    if (cells == nullptr) {
      for (int64_t i = 0; i < n; ++i) Add(x[i], 0);
    } else {
      for (int64_t i = 0; i < n; ++i) Add(x[i], cells[i]);
    }
  }

  // Each plane to [-2^31, 2^31): what is added next cannot overflow. A plane above is made where something is carried.
  void Carry() {
    for (int plane = 0; plane + 1 < kPlanes; ++plane) {
      auto& digits = planes_[plane];
      for (size_t cell = 0; cell < digits.size(); ++cell) {
        const int64_t carried = (digits[cell] + 2147483648) >> 32;
        if (carried == 0) continue;
        if (at_[plane + 1] == nullptr) Make(plane - 1);
        at_[plane + 1][cell] += carried;
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
    double grids[2], size = 0.0;
    int64_t sums[2];
    for (int attempt = 0; attempt < 3; ++attempt) {
      int units[2];
      for (int level = 0; level < levels_; ++level) {
        const int exponent = top_ + 2 - level * kStep;
        units[level] = exponent < -1022 ? -1022 : exponent;
        grids[level] = std::ldexp(1.5, units[level]);
      }
      const bool done = (levels_ == 1 ? table.extract1 : table.extract2)(x, n, grids, sums, &size);
      if (size == 0.0 && done) return;
      if (!(size <= kLargest)) break;
      int top;
      std::frexp(size, &top);
      const bool fits = top <= top_;
      if (done && fits) {
        Room(levels_);
        for (int level = 0; level < levels_; ++level) {
          const uint64_t sum = static_cast<uint64_t>(sums[level]);
          AddWhole(sums[level] < 0 ? 0 - sum : sum, units[level] - 52 + 1074, sum >> 63, 0);
        }
        if (levels_ == 2 && sums[1] == 0) levels_ = 1;
        return;
      }
      if (fits && levels_ == 2 && top == top_) break;
      if (fits) levels_ = 2;
      if (!fits || attempt == 1) top_ = top;
    }
    AddEach(x, nullptr, n);
  }

 private:
  static constexpr int kPlanes = 68, kStep = 51;
  static constexpr int64_t kMost = int64_t{1} << 28;
  static constexpr double kLargest = 1.0715086071862673e301;  // 2^1000

  // The planes that a number from one on is added to.
  void Make(int plane) {
    for (int each = plane < 0 ? 0 : plane; each < plane + 3; ++each) {
      if (at_[each] != nullptr) continue;
      planes_[each].assign(cells_, 0);
      at_[each] = planes_[each].data();
    }
  }

  // So many more can be added without overflow.
  void Room(int64_t n) {
    added_ += n;
    if (added_ < kMost) return;
    Carry();
    added_ = n;
  }

  std::vector<std::vector<int64_t>> planes_;
  std::vector<int64_t*> at_;
  std::vector<double> odd_;
  int64_t cells_, added_ = 0;
  int top_ = 4, levels_ = 2;  // as the run before had them
};
