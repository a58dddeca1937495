// Columns as Arrow keeps them: numbers of any primitive type at a stride, and a bitmap of those that are there.

enum Type : int32_t { kF64, kF32, kF16, kI8, kI16, kI32, kI64, kU8, kU16, kU32, kU64, kBits };
constexpr int kWidths[] = {8, 4, 2, 1, 2, 4, 8, 1, 2, 4, 8, 0};

inline bool Bit(const uint8_t* bits, int64_t at) { return bits[at >> 3] >> (at & 7) & 1; }

inline double Half(uint16_t bits) {
  const int exponent = bits >> 10 & 31, mantissa = bits & 1023;
  double size = std::ldexp(static_cast<double>(exponent ? mantissa + 1024 : mantissa), (exponent ? exponent : 1) - 25);
  if (exponent == 31) {
    size = mantissa ? std::numeric_limits<double>::quiet_NaN() : std::numeric_limits<double>::infinity();
  }
  return bits >> 15 ? -size : size;
}

struct Column {
  const void* data;
  int32_t type;
  int64_t offset, stride;  // in elements
  const uint8_t* validity;
  int64_t valid_offset, valid_stride;
  const uint8_t* outer;  // of the rows' lists
  int64_t outer_offset;

  // Where the values stand as the operations take them, if they do.
  const double* Plain(int64_t start) const {
    if (type != kF64 || stride != 1) return nullptr;
    return static_cast<const double*>(data) + offset + start;
  }

  // How many values of rows under the mask are missing; their rows are marked.
  int64_t Nulls(int64_t start, int64_t n, uint8_t* gone, const uint8_t* mask) const {
    const bool all = validity == nullptr || (valid_stride == 1 && Filled(validity, valid_offset + start, n));
    const bool listed = outer == nullptr || Filled(outer, outer_offset + start, n);
    if (all && listed) return 0;
    int64_t count = 0;
    for (int64_t i = 0; i < n; ++i) {
      if ((all || Bit(validity, valid_offset + (start + i) * valid_stride)) &&
          (listed || Bit(outer, outer_offset + start + i))) {
        continue;
      }
      if (mask == nullptr || mask[start + i] != 0) ++count;
      gone[i] = 1;
    }
    return count;
  }

  // Integers beyond 2^53, which may not be doubles.
  double Large(int64_t start, int64_t n) const {
    int64_t count = 0;
    if (type == kI64) {
      const int64_t* from = static_cast<const int64_t*>(data) + offset;
      for (int64_t i = start; i < start + n; ++i) {
        count += from[i * stride] > 9007199254740992 || from[i * stride] < -9007199254740992;
      }
    } else if (type == kU64) {
      const uint64_t* from = static_cast<const uint64_t*>(data) + offset;
      for (int64_t i = start; i < start + n; ++i) count += from[i * stride] > 9007199254740992u;
    }
    return static_cast<double>(count);
  }

  // Whether another one is the next number of the same lists.
  bool Beside(const Column& next) const {
    return type == kF64 && next.type == kF64 && stride > 1 && next.stride == stride && next.data == data &&
           next.offset == offset + 1;
  }

  // Columns side by side, in tiles: lists are read once, from end to end.
  void Transpose(int64_t start, int64_t n, double* const* outs, int64_t columns) const {
    constexpr int64_t kTile = 8;
    const double* from = static_cast<const double*>(data) + offset + start * stride;
    for (int64_t i = 0; i < n; i += kTile) {
      const int64_t rows = n - i < kTile ? n - i : kTile;
      for (int64_t j = 0; j < columns; ++j) {
        double* out = outs[j] + i;
        const double* at = from + i * stride + j;
        if (rows == kTile) {
          for (int64_t row = 0; row < kTile; ++row) out[row] = at[row * stride];
        } else {
          for (int64_t row = 0; row < rows; ++row) out[row] = at[row * stride];
        }
      }
    }
  }

  void Convert(int64_t start, int64_t n, double* out) const {
    switch (type) {
      case kF64: return As<double>(start, n, out);
      case kF32: return As<float>(start, n, out);
      case kI8: return As<int8_t>(start, n, out);
      case kI16: return As<int16_t>(start, n, out);
      case kI32: return As<int32_t>(start, n, out);
      case kI64: return As<int64_t>(start, n, out);
      case kU8: return As<uint8_t>(start, n, out);
      case kU16: return As<uint16_t>(start, n, out);
      case kU32: return As<uint32_t>(start, n, out);
      case kU64: return As<uint64_t>(start, n, out);
      case kF16:
        for (int64_t i = 0; i < n; ++i) {
          out[i] = Half(static_cast<const uint16_t*>(data)[offset + (start + i) * stride]);
        }
        return;
      default:
        for (int64_t i = 0; i < n; ++i) {
          out[i] = Bit(static_cast<const uint8_t*>(data), offset + (start + i) * stride) ? 1.0 : 0.0;
        }
    }
  }

 private:
  template <class T>
  void As(int64_t start, int64_t n, double* out) const {
    const T* from = static_cast<const T*>(data) + offset + start * stride;
    if (stride == 1) {
      for (int64_t i = 0; i < n; ++i) out[i] = static_cast<double>(from[i]);
    } else {
      for (int64_t i = 0; i < n; ++i) out[i] = static_cast<double>(from[i * stride]);
    }
  }

  static bool Filled(const uint8_t* bits, int64_t from, int64_t n) {
    const int64_t first = from >> 3, last = (from + n - 1) >> 3;
    for (int64_t at = first; at <= last; ++at) {
      int wanted = 0xff;
      if (at == first) wanted &= 0xff << (from & 7);
      if (at == last) wanted &= 0xff >> (7 - ((from + n - 1) & 7));
      if ((bits[at] & wanted) != wanted) return false;
    }
    return true;
  }
};
