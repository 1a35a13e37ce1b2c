using System.Numerics;
using AudioToken.Tensors;

namespace AudioToken.Audio;

/// <summary>Kaldi's mel filterbank: triangles, linear in mel, peak 1, without area normalisation.</summary>
/// <remarks>Source: torchaudio/compliance/kaldi.py, get_mel_banks (no VTLN). mel(f) = 1127 ln(1 + f/700).
/// With 128 filters over 257 bins filter 3 falls between two bins and is empty; BEATs was trained that way.</remarks>
internal sealed class MelFilters
{
    private readonly int[] _firstBin; // [filters]
    private readonly double[][] _weights; // [filters][bins from the first]

    public MelFilters(int filters, double lowHz, double highHz, int bins, double binHz)
    {
        (_firstBin, _weights) = (new int[filters], new double[filters][]);
        double low = Mel(lowHz), step = (Mel(highHz) - low) / (filters + 1);
        double[] mels = new double[bins];
        for (int k = 0; k < bins; k++)
            mels[k] = Mel(k * binHz);
        for (int b = 0; b < filters; b++)
        {
            double left = low + b * step, center = low + (b + 1) * step, right = low + (b + 2) * step;
            List<double> weights = [];
            for (int k = 0; k < bins; k++)
            {
                double weight = Math.Min((mels[k] - left) / (center - left), (right - mels[k]) / (right - center));
                if (weight <= 0)
                    continue;
                if (weights.Count == 0)
                    _firstBin[b] = k;
                weights.Add(weight);
            }

            _weights[b] = [.. weights];
        }
    }

    public int Count => _weights.Length;

    /// <summary>First bin with weight, and the weights from there; no weights for an empty filter.</summary>
    public MelFilter this[int filter] => new(_firstBin[filter], _weights[filter]);

    /// <summary>Energies of one filter: weighted sums of power spectra, one a lane.</summary>
    public Vector<double> Energy(int filter, ReadOnlySpan<Vector<double>> power)
    {
        double[] weights = _weights[filter];
        ReadOnlySpan<Vector<double>> at = power.Slice(_firstBin[filter], weights.Length);
        Vector<double> energy = default;
        for (int k = 0; k < weights.Length; k++)
            energy += weights[k] * at[k];
        return energy;
    }

    private static double Mel(double hz) => 1127 * Math.Log(1 + hz / 700);
}
