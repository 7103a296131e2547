"""Made the .npy files here, with numpy 2.4. The .rserial files are serialize(x, NULL) of R."""
import numpy as np

np.save("f8_c.npy", np.arange(12.0).reshape(3, 4))
np.save("f8_fortran.npy", np.asfortranarray(np.arange(12.0).reshape(3, 4)))
np.save("f4_big_endian.npy", np.array([1.5, -2.25, np.inf], dtype=">f4"))
np.save("i8.npy", np.array([1, -2, 3], dtype="<i8"))
np.save("i8_large.npy", np.array([2**40, -1], dtype="<i8"))
np.save("i8_too_large.npy", np.array([2**60 + 1], dtype="<i8"))
np.save("i2_3d.npy", np.arange(24, dtype="<i2").reshape(2, 3, 4))
np.save("bool.npy", np.array([True, False, True]))
np.save("c16.npy", np.array([1 + 2j, -1j]))
np.save("u1.npy", np.array([0, 127, 255], dtype="u1"))
np.save("text.npy", np.array(["a", "grüße", "longer than twelve bytes"]))
np.save("bytes.npy", np.array([b"ab", b"c"]))
np.save("records.npy", np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]))
