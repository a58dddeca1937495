// The numbers of CSV rows, each read where it stands: cells that are not wanted are stepped over, none is copied.
//
// It reads what is plain and leaves the rest to Arrow's reader, which has the last word on what a cell means: a row of
// another width, an empty row, a cell without a number or with white space around it, numbers that are not finite or
// from 2^53, a lone carriage return. std::from_chars rounds correctly.

#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <initializer_list>

namespace {

constexpr double kLarge = 9007199254740992.0;  // 2^53: from here on an integer may have been rounded
constexpr char kNoQuote = '\n';                // never begins a cell

struct Layout {
  char delimiter;
  char quote;
  Py_ssize_t width;        // cells in a row
  const int32_t* columns;  // where a cell's number goes; -1: it is stepped over
  bool ends_cell[256];
};

// The end of a number, or nullptr.
const char* Number(const Layout& layout, const char* at, const char* stop, double* value) {
  const bool quoted = *at == layout.quote;
  const auto read = std::from_chars(at + quoted, stop, *value);
  if (read.ec != std::errc() || !(std::fabs(*value) < kLarge)) return nullptr;
  if (!quoted) return read.ptr;
  return *read.ptr == layout.quote ? read.ptr + 1 : nullptr;
}

// The end of a cell, or nullptr. The text ends with a line end, which stops every search.
const char* Skip(const Layout& layout, const char* at, const char* stop) {
  if (*at != layout.quote) {
    while (!layout.ends_cell[static_cast<unsigned char>(*at)]) ++at;
    return at;
  }
  do {  // from quote to quote; a doubled one goes on
    at = static_cast<const char*>(std::memchr(at + 1, layout.quote, stop - at - 1));
    if (at == nullptr) return nullptr;
    ++at;
  } while (*at == layout.quote);
  return at;
}

// The number of rows in the text, whose numbers are written column by column; -1 where it is not plain.
Py_ssize_t Numbers(const Layout& layout, const char* at, const char* stop, double* out, Py_ssize_t capacity) {
  if (at == stop) return 0;
  if (stop[-1] != '\n') return -1;
  Py_ssize_t row = 0;
  for (; at < stop; ++row) {
    if (row == capacity || *at == '\n' || *at == '\r') return -1;
    for (Py_ssize_t cell = 0; cell < layout.width; ++cell) {
      const int32_t column = layout.columns[cell];
      at = column < 0 ? Skip(layout, at, stop) : Number(layout, at, stop, out + column * capacity + row);
      if (at == nullptr) return -1;
      const bool last = cell == layout.width - 1;
      if (last && *at == '\r') ++at;
      if (*at++ != (last ? '\n' : layout.delimiter)) return -1;
    }
  }
  return row;
}

PyObject* Read(PyObject*, PyObject* args) {
  Py_buffer text, columns, out;
  Py_ssize_t start, stop;
  char delimiter;
  int quote;
  if (!PyArg_ParseTuple(args, "y*nnciy*w*", &text, &start, &stop, &delimiter, &quote, &columns, &out)) return nullptr;
  Layout layout = {delimiter, quote < 0 ? kNoQuote : static_cast<char>(quote), 0, nullptr, {}};
  layout.width = columns.len / static_cast<Py_ssize_t>(sizeof(int32_t));
  layout.columns = static_cast<const int32_t*>(columns.buf);
  for (const char end : {delimiter, '\n', '\r'}) layout.ends_cell[static_cast<unsigned char>(end)] = true;
  int32_t wanted = 0;
  for (Py_ssize_t cell = 0; cell < layout.width; ++cell) wanted = std::max(wanted, layout.columns[cell] + 1);
  PyObject* rows = nullptr;
  if (start < 0 || start > stop || stop > text.len || wanted == 0) {
    PyErr_SetString(PyExc_ValueError, "a range of the text and a wanted cell are needed");
  } else {
    const Py_ssize_t capacity = out.len / static_cast<Py_ssize_t>(sizeof(double)) / wanted;
    const char* begin = static_cast<const char*>(text.buf);
    Py_ssize_t found;
    Py_BEGIN_ALLOW_THREADS
    found = Numbers(layout, begin + start, begin + stop, static_cast<double*>(out.buf), capacity);
    Py_END_ALLOW_THREADS
    rows = PyLong_FromSsize_t(found);
  }
  PyBuffer_Release(&text);
  PyBuffer_Release(&columns);
  PyBuffer_Release(&out);
  return rows;
}

PyMethodDef methods[] = {{"read", Read, METH_VARARGS, nullptr}, {nullptr, nullptr, 0, nullptr}};
PyModuleDef module = {PyModuleDef_HEAD_INIT, "_cells", nullptr, 0, methods, nullptr, nullptr, nullptr, nullptr};

}  // namespace

PyMODINIT_FUNC PyInit__cells() { return PyModuleDef_Init(&module); }
