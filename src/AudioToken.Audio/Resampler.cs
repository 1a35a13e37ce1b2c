using System.Numerics;
using System.Runtime.InteropServices;

namespace AudioToken.Audio;

/// <summary>Changes the sample rate of a mono sound by band-limited interpolation, block by block or at once.</summary>
/// <remarks>The mathematics of torchaudio's <c>functional.resample</c>: with coprime o : n = from : to, output k = j n + i is the sum over idx of
/// x[j o + idx] h((idx / o - i / n) b) b / o, where b = min(o, n) * roll-off and h is <see cref="ResampleFilter"/>; zeros before and after the sound;
/// ceil(n * length / o) outputs. Taps are computed in double and rounded once to float (as torchaudio's transforms.Resample does; functional.resample
/// computes them in float: outputs 1e-7 away at 48 kHz, 5e-6 at 44.1 kHz, 2e-4 at 12,345 Hz), and only those that are not zero are kept: one short row a phase instead of a stride-o convolution.
/// The result does not depend on how the input was cut into blocks. Equal rates pass through bit for bit. Not for use by two threads at once.</remarks>
public sealed class Resampler
{
    private const long MaxTableBytes = 64 << 20;

    private readonly int _o, _n; // coprime: _n outputs for every _o inputs
    private readonly int _taps; // of one phase
    private readonly int[] _first; // [n] offset of a phase's first tap from input j * o
    private readonly float[] _kernel; // [n, taps]
    private float[] _pending; // inputs that outputs to come still need
    private int _pendingCount;
    private long _pendingStart; // index of _pending[0] in the input; negative at first: zeros before the sound
    private long _received, _produced;
    private float[] _output = [];

    /// <summary>Prepares the filter for one ratio.</summary>
    /// <param name="fromHz">Sample rate of the input, Hz.</param>
    /// <param name="toHz">Sample rate of the output, Hz.</param>
    /// <param name="filter">The filter; null means <see cref="ResampleFilter.Torchaudio"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">A rate is not positive.</exception>
    /// <exception cref="AudioFormatException">The rates have so little in common that the table of the filter would pass 64 MB
    /// (with the default filter no rate up to 768 kHz does, towards 16 kHz).</exception>
    public Resampler(int fromHz, int toHz, ResampleFilter? filter = null)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(fromHz, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(toHz, 1);
        filter ??= ResampleFilter.Torchaudio;
        (FromHz, ToHz) = (fromHz, toHz);
        int gcd = (int)BigInteger.GreatestCommonDivisor(fromHz, toHz);
        (_o, _n) = (fromHz / gcd, toHz / gcd);
        (_first, _kernel, _pending) = ([], [], []);
        if (_o == _n)
            return;

        double cutoff = Math.Min(_o, _n) * filter.Rolloff;
        double reach = filter.ZeroCrossings * _o / cutoff; // in input samples, to each side
        _taps = (int)Math.Floor(2 * reach) + 1;
        if ((long)_taps * _n * sizeof(float) > MaxTableBytes)
        {
            throw new AudioFormatException(AudioErrorCode.RateRatio,
                $"resampling {fromHz} Hz to {toHz} Hz: {_n} phases of {_taps} taps are {(long)_taps * _n * sizeof(float) >> 20} MB of filter, at most 64 MB.",
                "Use the default filter, or convert the sound to a usual rate such as 48000 Hz first.");
        }

        (_first, _kernel) = (new int[_n], new float[_n * _taps]);
        for (int i = 0; i < _n; i++)
        {
            double center = (double)i * _o / _n;
            _first[i] = (int)Math.Ceiling(center - reach);
            for (int tap = 0; tap < _taps; tap++)
            {
                // (idx/o - i/n) b over the common denominator: the only rounding is of the quotient.
                double t = ((long)(_first[i] + tap) * _n - (long)i * _o) / ((double)_o * _n) * cutoff;
                _kernel[i * _taps + tap] = (float)(filter.At(t) * cutoff / _o);
            }
        }

        _pendingStart = _first[0]; // phase 0 reaches back furthest
        _pendingCount = -_first[0];
        _pending = new float[_pendingCount];
    }

    /// <summary>Sample rate of the input, Hz.</summary>
    public int FromHz { get; }

    /// <summary>Sample rate of the output, Hz.</summary>
    public int ToHz { get; }

    /// <summary>Inputs after which the phases repeat: to start in the middle of a sound with the same result, start at a multiple of this.</summary>
    internal int InputPeriod => _o;

    /// <summary>Outputs of one <see cref="InputPeriod"/>.</summary>
    internal int OutputPeriod => _n;

    /// <summary>Inputs before a point on which the output there still depends.</summary>
    internal int Reach => _taps;

    /// <summary>Resamples a whole sound.</summary>
    /// <param name="samples">Mono samples at <paramref name="fromHz"/>.</param>
    /// <param name="fromHz">Sample rate of the input, Hz.</param>
    /// <param name="toHz">Sample rate of the output, Hz.</param>
    /// <param name="filter">The filter; null means <see cref="ResampleFilter.Torchaudio"/>.</param>
    /// <returns>ceil(length * to / from) samples, owned by the caller.</returns>
    /// <inheritdoc cref="Resampler(int, int, ResampleFilter?)" path="/exception"/>
    public static float[] Resample(ReadOnlySpan<float> samples, int fromHz, int toHz, ResampleFilter? filter = null)
    {
        Resampler resampler = new(fromHz, toHz, filter);
        float[] result = new float[resampler.OutputLength(samples.Length)];
        ReadOnlySpan<float> head = resampler.Process(samples);
        head.CopyTo(result);
        int done = head.Length;
        resampler.Finish().CopyTo(result.AsSpan(done));
        return result;
    }

    /// <summary>Samples that a sound of a given length becomes: ceil(length * to / from).</summary>
    public long OutputLength(long inputLength) => (long)(((Int128)inputLength * _n + _o - 1) / _o);

    /// <summary>Takes the next inputs and gives the outputs that they complete.</summary>
    /// <returns>Outputs in order, valid until the next call.</returns>
    public ReadOnlySpan<float> Process(ReadOnlySpan<float> input)
    {
        _received += input.Length;
        if (_o == _n)
            return input;
        Append(input);
        return Produce(long.MaxValue);
    }

    /// <summary>Ends the sound: gives the outputs that reach past its end, where zeros stand. The resampler is then spent.</summary>
    /// <returns>The last outputs, valid until the next call.</returns>
    public ReadOnlySpan<float> Finish()
    {
        if (_o == _n)
            return [];
        long total = OutputLength(_received);
        if (total > _produced)
        {
            long last = FirstInput(total - 1) + _taps; // the input after the last one wanted
            Append(new float[Math.Max(0, last - (_pendingStart + _pendingCount))]);
        }

        return Produce(total);
    }

    private long FirstInput(long output) => output / _n * _o + _first[output % _n];

    private void Append(ReadOnlySpan<float> input)
    {
        // Drop what no output needs any more, then make room.
        int spent = (int)Math.Clamp(FirstInput(_produced) - _pendingStart, 0, _pendingCount);
        int kept = _pendingCount - spent;
        float[] target = _pending.Length >= kept + input.Length ? _pending : new float[kept + input.Length];
        Array.Copy(_pending, spent, target, 0, kept);
        input.CopyTo(target.AsSpan(kept));
        (_pending, _pendingCount, _pendingStart) = (target, kept + input.Length, _pendingStart + spent);
    }

    private ReadOnlySpan<float> Produce(long limit)
    {
        long end = _pendingStart + _pendingCount;
        int capacity = checked((int)Math.Max(0, Math.Min(limit - _produced, (long)_pendingCount * _n / _o + 2)));
        if (_output.Length < capacity)
            _output = new float[capacity];

        int count = 0;
        (long block, int phase) = (_produced / _n, (int)(_produced % _n));
        for (; count < capacity; count++)
        {
            long first = block * _o + _first[phase];
            if (first + _taps > end)
                break;
            _output[count] = Dot(_pending.AsSpan((int)(first - _pendingStart), _taps), _kernel.AsSpan(phase * _taps, _taps));
            if (++phase == _n)
                (block, phase) = (block + 1, 0);
        }

        _produced += count;
        return _output.AsSpan(0, count);
    }

    private static float Dot(ReadOnlySpan<float> x, ReadOnlySpan<float> y)
    {
        ReadOnlySpan<Vector<float>> xs = MemoryMarshal.Cast<float, Vector<float>>(x), ys = MemoryMarshal.Cast<float, Vector<float>>(y);
        Vector<float> sums = Vector<float>.Zero;
        for (int v = 0; v < xs.Length; v++)
            sums += xs[v] * ys[v];
        float sum = Vector.Sum(sums);
        for (int i = xs.Length * Vector<float>.Count; i < x.Length; i++)
            sum += x[i] * y[i];
        return sum;
    }
}
