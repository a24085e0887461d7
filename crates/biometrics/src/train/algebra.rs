//! Small symmetric positive-definite systems, row-major, by Cholesky's method.

use libm::sqrt;

/// Replaces the lower triangle by the Cholesky factor; `false` where the matrix is not positive definite.
pub(crate) fn factor(matrix: &mut [f64], n: usize) -> bool {
    for i in 0..n {
        for j in 0..=i {
            let mut sum = matrix[i * n + j];
            for k in 0..j {
                sum -= matrix[i * n + k] * matrix[j * n + k];
            }
            if i == j {
                if sum.is_nan() || sum <= 0.0 {
                    return false;
                }
                matrix[i * n + i] = sqrt(sum);
            } else {
                matrix[i * n + j] = sum / matrix[j * n + j];
            }
        }
    }
    true
}

/// Solves L y = b in place.
pub(crate) fn forward(lower: &[f64], n: usize, b: &mut [f64]) {
    for i in 0..n {
        let mut sum = b[i];
        for k in 0..i {
            sum -= lower[i * n + k] * b[k];
        }
        b[i] = sum / lower[i * n + i];
    }
}

/// Solves Lᵀ x = y in place.
pub(crate) fn backward(lower: &[f64], n: usize, b: &mut [f64]) {
    for i in (0..n).rev() {
        let mut sum = b[i];
        for k in i + 1..n {
            sum -= lower[k * n + i] * b[k];
        }
        b[i] = sum / lower[i * n + i];
    }
}

/// The solution of A x = b, where only the lower triangle of A is read; it is destroyed.
pub(crate) fn solve(matrix: &mut [f64], b: &[f64]) -> Option<Vec<f64>> {
    let n = b.len();
    if !factor(matrix, n) {
        return None;
    }
    let mut x = b.to_vec();
    forward(matrix, n, &mut x);
    backward(matrix, n, &mut x);
    Some(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_system_is_solved() {
        let mut a = vec![4.0, 0.0, 0.0, 2.0, 5.0, 0.0, 1.0, 3.0, 6.0];
        // The full matrix is [[4,2,1],[2,5,3],[1,3,6]]; x = (1, -2, 3).
        let x = solve(&mut a, &[3.0, 1.0, 13.0]).unwrap();
        for (found, expected) in x.iter().zip([1.0, -2.0, 3.0]) {
            assert!((found - expected).abs() < 1e-12, "{x:?}");
        }
        assert_eq!(solve(&mut [1.0, 0.0, 2.0, 1.0], &[1.0, 1.0]), None);
    }
}
