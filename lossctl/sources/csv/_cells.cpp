// The cells of CSV rows, each read where it stands: numbers and labels. Those that are not wanted are stepped over.
//
// It reads what is plain and leaves the rest to Arrow's reader, which has the last word on what a cell means: a row of
// another width, an empty row, a cell with white space around its number or something else in its place, numbers that
// are not finite or from 2^53, a label with quotes in it, a lone carriage return. std::from_chars rounds correctly.

#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <new>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace {

constexpr double kLarge = 9007199254740992.0;  // 2^53: from here on an integer may have been rounded

// The distinct labels of a column in the order of their first rows, behind those that mean a missing value.
class Labels {
 public:
  explicit Labels(const std::vector<std::string_view>& missing) {
    for (const auto label : missing) Code(label);
    missing_ = static_cast<int32_t>(distinct_.size());
  }

  // A label's place; negative: it is missing.
  int32_t Code(std::string_view label) {
    const auto [found, added] = codes_.try_emplace(label, static_cast<int32_t>(distinct_.size()));
    if (added) distinct_.push_back(label);
    return found->second - missing_;
  }

  // The labels one after another, and where each ends, as Arrow keeps text.
  PyObject* Text() const {
    std::string text;
    std::vector<int32_t> ends = {0};
    for (auto label = distinct_.begin() + missing_; label != distinct_.end(); ++label) {
      text += *label;
      ends.push_back(static_cast<int32_t>(text.size()));
    }
    return Py_BuildValue("y#y#", text.data(), static_cast<Py_ssize_t>(text.size()), ends.data(),
                         static_cast<Py_ssize_t>(ends.size() * sizeof(int32_t)));
  }

 private:
  int32_t missing_ = 0;
  std::unordered_map<std::string_view, int32_t> codes_;  // its keys are parts of the text that is read
  std::vector<std::string_view> distinct_;
};

class Reader {
 public:
  // `quote` is a byte; negative: none.
  Reader(char delimiter, int quote) : delimiter_(delimiter), quote_(quote) {
    ends_cell_[static_cast<unsigned char>(delimiter)] = ends_cell_['\n'] = ends_cell_['\r'] = true;
  }

  // The number of rows, column by column in `numbers` and `codes`; -1 where they are not plain.
  Py_ssize_t Rows(const char* at, const char* stop);

  // A cell's column: of `numeric` ones for numbers, then of those for codes of labels; -1: not wanted.
  const int32_t* columns = nullptr;
  Py_ssize_t width = 0;
  int32_t numeric = 0;
  double* numbers = nullptr;
  int32_t* codes = nullptr;
  Py_ssize_t capacity = 0;
  std::vector<Labels> labels;
  std::unordered_set<std::string_view> missing;  // in the place of a number: NaN

 private:
  // Where the cell ends; nullptr: it is not plain. A line end stops every search.
  const char* Cell(const char* at, const char* stop, int32_t column, Py_ssize_t row);
  const char* Number(const char* at, const char* stop, double* value) const;
  const char* Label(const char* at, const char* stop, std::string_view* value) const;
  const char* Skip(const char* at, const char* stop) const;
  bool IsQuote(char byte) const { return static_cast<unsigned char>(byte) == quote_; }

  char delimiter_;
  int quote_;
  bool ends_cell_[256] = {};
};

Py_ssize_t Reader::Rows(const char* at, const char* stop) {
  if (at == stop) return 0;
  if (stop[-1] != '\n') return -1;
  Py_ssize_t row = 0;
  for (; at < stop; ++row) {
    if (row == capacity || *at == '\n' || *at == '\r') return -1;
    for (Py_ssize_t cell = 0; cell < width; ++cell) {
      at = Cell(at, stop, columns[cell], row);
      if (at == nullptr) return -1;
      const bool last = cell == width - 1;
      if (last && *at == '\r') ++at;
      if (*at++ != (last ? '\n' : delimiter_)) return -1;
    }
  }
  return row;
}

const char* Reader::Cell(const char* at, const char* stop, int32_t column, Py_ssize_t row) {
  if (column < 0) return Skip(at, stop);
  if (column < numeric) return Number(at, stop, numbers + column * capacity + row);
  std::string_view label;
  at = Label(at, stop, &label);
  if (at != nullptr) codes[(column - numeric) * capacity + row] = labels[column - numeric].Code(label);
  return at;
}

const char* Reader::Number(const char* at, const char* stop, double* value) const {
  const bool quoted = IsQuote(*at);
  const auto read = std::from_chars(at + quoted, stop, *value);
  if (read.ec == std::errc() && std::fabs(*value) < kLarge) {
    if (!quoted) return read.ptr;
    return IsQuote(*read.ptr) ? read.ptr + 1 : nullptr;
  }
  std::string_view text;
  const char* end = Label(at, stop, &text);
  *value = std::numeric_limits<double>::quiet_NaN();
  return end != nullptr && missing.count(text) ? end : nullptr;
}

const char* Reader::Label(const char* at, const char* stop, std::string_view* value) const {
  const char* end = Skip(at, stop);
  if (end == nullptr) return nullptr;
  const bool quoted = IsQuote(*at);
  *value = std::string_view(at + quoted, end - at - 2 * quoted);
  return quoted && value->find(static_cast<char>(quote_)) != value->npos ? nullptr : end;
}

const char* Reader::Skip(const char* at, const char* stop) const {
  if (!IsQuote(*at)) {
    while (!ends_cell_[static_cast<unsigned char>(*at)]) ++at;
    return at;
  }
  do {  // from quote to quote; a doubled one goes on
    at = static_cast<const char*>(std::memchr(at + 1, quote_, stop - at - 1));
    if (at == nullptr) return nullptr;
    ++at;
  } while (IsQuote(*at));
  return at;
}

struct Buffer : Py_buffer {
  Buffer() : Py_buffer() {}
  ~Buffer() { PyBuffer_Release(this); }
  template <typename T>
  T* items() const { return static_cast<T*>(buf); }
  template <typename T>
  Py_ssize_t size() const { return len / static_cast<Py_ssize_t>(sizeof(T)); }
};

// False: an error is set.
bool Views(PyObject* texts, std::vector<std::string_view>* found) {
  for (Py_ssize_t at = 0; at < PyTuple_Size(texts); ++at) {
    char* text;
    Py_ssize_t size;
    if (PyBytes_AsStringAndSize(PyTuple_GetItem(texts, at), &text, &size) != 0) return false;
    found->emplace_back(text, size);
  }
  return true;
}

PyObject* Texts(const std::vector<Labels>& labels) {
  PyObject* texts = PyList_New(0);
  for (auto column = labels.begin(); texts != nullptr && column != labels.end(); ++column) {
    PyObject* text = column->Text();
    if (text == nullptr || PyList_Append(texts, text) != 0) Py_CLEAR(texts);
    Py_XDECREF(text);
  }
  return texts;
}

PyObject* Read(PyObject* args) {
  Buffer text, columns, numbers, codes;
  Py_ssize_t start, stop, capacity;
  char delimiter;
  int quote;
  PyObject* absent;
  std::vector<std::string_view> missing;
  if (!PyArg_ParseTuple(args, "y*nnciO!y*w*w*n", &text, &start, &stop, &delimiter, &quote, &PyTuple_Type, &absent,
                        &columns, &numbers, &codes, &capacity) ||
      !Views(absent, &missing)) {
    return nullptr;
  }
  if (start < 0 || start > stop || stop > text.len || capacity < 1) {
    PyErr_SetString(PyExc_ValueError, "a range of the text and room for a row are needed");
    return nullptr;
  }
  Reader reader(delimiter, quote);
  reader.columns = columns.items<int32_t>();
  reader.width = columns.size<int32_t>();
  reader.numeric = static_cast<int32_t>(numbers.size<double>() / capacity);
  reader.numbers = numbers.items<double>();
  reader.codes = codes.items<int32_t>();
  reader.capacity = capacity;
  reader.missing.insert(missing.begin(), missing.end());
  reader.labels.assign(codes.size<int32_t>() / capacity, Labels(missing));
  for (Py_ssize_t cell = 0; cell < reader.width; ++cell) {
    if (reader.columns[cell] >= reader.numeric + static_cast<Py_ssize_t>(reader.labels.size())) {
      PyErr_SetString(PyExc_ValueError, "there is no room for a wanted cell");
      return nullptr;
    }
  }
  const char* begin = text.items<const char>();
  Py_ssize_t rows = -1;
  bool memory = true;
  Py_BEGIN_ALLOW_THREADS
  try {
    rows = reader.Rows(begin + start, begin + stop);
  } catch (const std::bad_alloc&) {
    memory = false;
  }
  Py_END_ALLOW_THREADS
  if (!memory) throw std::bad_alloc();
  PyObject* texts = Texts(reader.labels);
  return texts == nullptr ? nullptr : Py_BuildValue("nN", rows, texts);
}

PyObject* ReadOrNoMemory(PyObject*, PyObject* args) {
  try {
    return Read(args);
  } catch (const std::bad_alloc&) {
    return PyErr_NoMemory();
  }
}

PyMethodDef methods[] = {{"read", ReadOrNoMemory, METH_VARARGS, nullptr}, {nullptr, nullptr, 0, nullptr}};
PyModuleDef module = {PyModuleDef_HEAD_INIT, "_cells", nullptr, 0, methods, nullptr, nullptr, nullptr, nullptr};

}  // namespace

PyMODINIT_FUNC PyInit__cells() { return PyModuleDef_Init(&module); }
