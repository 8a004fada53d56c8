"""Linear algebra in one thread, whatever the machine has.

The matrices of a model are small: several threads take longer to agree on who does what than one
takes for all of it, and many times longer where other programs use the processors too. One thread
also adds up in one order, so that a suggestion does not depend on how many processors there are.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache

from threadpoolctl import ThreadpoolController


def single_threaded() -> AbstractContextManager[object]:
    """Keep the linear algebra of numpy and scipy to one thread inside of a `with` block.

    Call it when both are imported: of libraries that are loaded later it knows nothing.

    Example:
        ```python
        import numpy as np
        import scipy.linalg

        from prefect_tuner.strategies.gaussian_process.single_thread import single_threaded

        with single_threaded():
            product = np.eye(3) @ np.ones(3)
        assert product.tolist() == [1.0, 1.0, 1.0]
        ```
    """
    limited: AbstractContextManager[object] = _controller().limit(limits=1, user_api="blas")
    return limited


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()
