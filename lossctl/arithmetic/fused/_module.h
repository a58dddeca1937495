// What Python calls: buffers are held while a program runs over them, and their sizes are checked first.

class Held {
 public:
  Held() = default;
  Held(const Held&) = delete;
  Held& operator=(const Held&) = delete;
  ~Held() {
    for (auto& view : views_) PyBuffer_Release(&view);
  }

  // The memory of an object, null with an error set; nullptr and no error for None.
  bool Take(PyObject* object, bool writable, size_t bytes, void** memory) {
    *memory = nullptr;
    if (object == Py_None) return true;
    Py_buffer view;
    if (PyObject_GetBuffer(object, &view, writable ? PyBUF_WRITABLE | PyBUF_C_CONTIGUOUS : PyBUF_C_CONTIGUOUS) != 0) {
      return false;
    }
    views_.push_back(view);
    *memory = view.buf;
    size = view.len;
    if (static_cast<size_t>(view.len) >= bytes) return true;
    PyErr_SetString(PyExc_ValueError, "a buffer is shorter than the rows it should hold");
    return false;
  }

  Py_ssize_t size = 0;

 private:
  std::vector<Py_buffer> views_;
};

// The bytes that `count` elements at a stride take up; -1: not a place in memory.
inline int64_t Reach(int64_t offset, int64_t stride, int64_t count, int width) {
  if (offset < 0 || stride < 0) return -1;
  if (count == 0) return 0;
  const int64_t last = offset + (count - 1) * stride;
  return width == 0 ? (last >> 3) + 1 : (last + 1) * width;
}

inline bool Refuse(const char* why) {
  if (!PyErr_Occurred()) PyErr_SetString(PyExc_ValueError, why);
  return false;
}

bool ReadColumn(PyObject* given, int64_t rows, Held* held, Column* column) {
  PyObject *data, *validity, *outer;
  int type;
  long long offset, stride, valid_offset, valid_stride, outer_offset;
  if (!PyTuple_Check(given) || !PyArg_ParseTuple(given, "OiLLOLLOL", &data, &type, &offset, &stride, &validity,
                                                 &valid_offset, &valid_stride, &outer, &outer_offset)) {
    return Refuse("a column is a tuple of nine");
  }
  if (type < 0 || type > kBits) return Refuse("there is no such type");
  const int64_t bytes = Reach(offset, stride, rows, kWidths[type]);
  const int64_t marks = Reach(valid_offset, valid_stride, rows, 0);
  const int64_t lists = Reach(outer_offset, 1, rows, 0);
  if (bytes < 0 || marks < 0 || lists < 0) return Refuse("offsets and strides are not negative");
  void *values, *bits, *outer_bits;
  if (!held->Take(data, false, bytes, &values) || !held->Take(validity, false, marks, &bits) ||
      !held->Take(outer, false, lists, &outer_bits)) {
    return false;
  }
  if (values == nullptr && rows > 0) return Refuse("a column has data");
  *column = {values,       type,         offset, stride, static_cast<const uint8_t*>(bits),
             valid_offset, valid_stride, static_cast<const uint8_t*>(outer_bits), outer_offset};
  return true;
}

// Whether every operand of the code lies where there is something.
bool Sound(const Run& run, int64_t constants, int64_t extra, int64_t outputs) {
  const int64_t vectors = run.registers + static_cast<int64_t>(run.columns.size());
  const auto known = [&](int32_t operand) { return operand >= 0 ? operand < vectors : -int64_t{operand} <= constants; };
  for (int64_t at = 0; at < run.length; ++at) {
    const Instruction& each = run.code[at];
    bool sound = known(each.a) && each.out >= 0;
    if (each.operation >= 0 && each.operation < kOperations) {
      const int variant = (each.a < 0 ? 1 : 0) | (each.b < 0 ? 2 : 0) | (each.c < 0 ? 4 : 0);
      sound = sound && each.out < run.registers && known(each.b) && known(each.c) &&
              run.table->functions[each.operation][variant] != nullptr;
    } else if (each.operation == kPick) {
      sound = sound && each.out < run.registers && each.b >= 0 && each.c > 0 && int64_t{each.b} + each.c <= extra;
      for (int32_t i = 0; sound && i < each.c; ++i) sound = known(run.extra[each.b + i]);
    } else if (each.operation == kSkip) {
      sound = sound && each.c >= 0 && at + each.c < run.length;
    } else {
      sound = sound && each.operation > kSkip && each.operation <= kRows && each.out < outputs;
    }
    if (!sound) return Refuse("the program is not one");
  }
  return true;
}

PyObject* Results(const Run& run, const std::vector<uint8_t>& kinds) {
  PyObject* found = PyList_New(0);
  if (found == nullptr) return nullptr;
  for (size_t at = 0; at < kinds.size(); ++at) {
    PyObject* item = nullptr;
    if (kinds[at] == kSum - kSum) {
      item = run.sums[run.place[at]].State();
    } else if (kinds[at] == kRows - kSum) {
      item = Py_NewRef(Py_None);
    } else {
      const Extreme& extreme = run.extremes[run.place[at]];
      std::vector<double> values = extreme.values;
      for (double& value : values) value *= extreme.sign;
      item = PyBytes_FromStringAndSize(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(double));
    }
    if (item == nullptr || PyList_Append(found, item) != 0) {
      Py_XDECREF(item);
      Py_DECREF(found);
      return nullptr;
    }
    Py_DECREF(item);
  }
  return Py_BuildValue("Ly#N", static_cast<long long>(run.kept), reinterpret_cast<const char*>(run.checks.data()),
                       static_cast<Py_ssize_t>(run.checks.size() * sizeof(Check)), found);
}

PyObject* Execute(PyObject* args) {
  PyObject *code, *extra, *constants, *columns, *mask, *codes, *outs, *kinds;
  int registers, level;
  long long rows, cells;
  if (!PyArg_ParseTuple(args, "OOOiO!LOOLOO!i", &code, &extra, &constants, &registers, &PyTuple_Type, &columns, &rows,
                        &mask, &codes, &cells, &kinds, &PyTuple_Type, &outs, &level)) {
    return nullptr;
  }
  const auto& levels = Levels();
  if (rows < 0 || cells < 1 || registers < 0 || level >= static_cast<int>(levels.size())) {
    PyErr_SetString(PyExc_ValueError, "rows, cells and registers are not negative, and levels are as listed");
    return nullptr;
  }
  Held held;
  Run run;
  run.table = (level < 0 ? levels.back() : levels[level]).table;
  run.registers = registers;
  run.rows = rows;
  run.cells = cells;
  void* memory;
  if (!held.Take(code, false, 0, &memory)) return nullptr;
  run.code = static_cast<const Instruction*>(memory);
  run.length = held.size / sizeof(Instruction);
  if (!held.Take(extra, false, 0, &memory)) return nullptr;
  run.extra = static_cast<const int32_t*>(memory);
  const int64_t operands = held.size / sizeof(int32_t);
  if (!held.Take(constants, false, 0, &memory)) return nullptr;
  run.constants = static_cast<const double*>(memory);
  const int64_t known = held.size / sizeof(double);
  if (!held.Take(mask, false, rows, &memory)) return nullptr;
  run.mask = static_cast<const uint8_t*>(memory);
  if (!held.Take(codes, false, rows * sizeof(int32_t), &memory)) return nullptr;
  run.codes = static_cast<const int32_t*>(memory);
  if (!held.Take(kinds, false, 0, &memory)) return nullptr;
  const std::vector<uint8_t> kind(static_cast<uint8_t*>(memory), static_cast<uint8_t*>(memory) + held.size);
  run.columns.resize(PyTuple_Size(columns));
  run.checks.resize(run.columns.size());
  for (size_t at = 0; at < run.columns.size(); ++at) {
    if (!ReadColumn(PyTuple_GetItem(columns, at), rows, &held, &run.columns[at])) return nullptr;
  }
  if (PyTuple_Size(outs) != static_cast<Py_ssize_t>(kind.size())) {
    PyErr_SetString(PyExc_ValueError, "every output has a place");
    return nullptr;
  }
  for (size_t at = 0; at < kind.size(); ++at) {
    if (!held.Take(PyTuple_GetItem(outs, at), true, rows * sizeof(double), &memory)) return nullptr;
    run.written.push_back(static_cast<double*>(memory));
    if (kind[at] == 0) {
      run.place.push_back(static_cast<int32_t>(run.sums.size()));
      run.sums.emplace_back(cells);
    } else {
      run.place.push_back(static_cast<int32_t>(run.extremes.size()));
      run.extremes.push_back({std::vector<double>(cells, -std::numeric_limits<double>::infinity()),
                              kind[at] == kLeast - kSum ? -1.0 : 1.0});
    }
  }
  if (!Sound(run, known, operands, static_cast<int64_t>(kind.size()))) return nullptr;
  bool memory_left = true, sorted = true;
  Py_BEGIN_ALLOW_THREADS
  try {
    sorted = run.All();
  } catch (const std::bad_alloc&) {
    memory_left = false;
  }
  Py_END_ALLOW_THREADS
  if (!memory_left) return PyErr_NoMemory();
  if (!sorted) {
    PyErr_SetString(PyExc_ValueError, "a code is not that of a cell");
    return nullptr;
  }
  return Results(run, kind);
}

PyObject* ExecuteOrNoMemory(PyObject*, PyObject* args) {
  try {
    return Execute(args);
  } catch (const std::bad_alloc&) {
    return PyErr_NoMemory();
  }
}

PyObject* LevelNames(PyObject*, PyObject*) {
  PyObject* names = PyList_New(0);
  for (const Level& level : Levels()) {
    PyObject* name = names == nullptr ? nullptr : PyUnicode_FromString(level.name);
    if (name == nullptr || PyList_Append(names, name) != 0) {
      Py_XDECREF(name);
      Py_XDECREF(names);
      return nullptr;
    }
    Py_DECREF(name);
  }
  return names;
}

PyMethodDef methods[] = {{"run", ExecuteOrNoMemory, METH_VARARGS, nullptr},
                         {"levels", LevelNames, METH_NOARGS, nullptr},
                         {nullptr, nullptr, 0, nullptr}};
PyModuleDef module = {PyModuleDef_HEAD_INIT, "_fused", nullptr, 0, methods, nullptr, nullptr, nullptr, nullptr};
