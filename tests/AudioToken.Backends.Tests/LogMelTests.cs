using AudioToken.Audio;
using AudioToken.Tensors;
using AudioToken.Testing;
using Xunit;

namespace AudioToken.Backends.Tests;

public sealed class LogMelTests
{
    private static readonly OpCase[] s_cases =
    [
        Noise("one frame", Fbank.Form, 400),
        Noise("a frame that is not whole", Fbank.Form, 559),
        Noise("a row of patches", Fbank.Form, 2800),
        Noise("odd frames with samples between them", new PlainForm(), 25 + 33 * 4 + 20),
        new("silence", Rounding, (ops, _) => ops.LogMel(new float[720], Fbank.Form)),
    ];

    public static TheoryData<string> Backends => BackendData.All;

    public static TheoryData<string, string> Cases => BackendData.With(s_cases);

    // Logarithms are at most 32 (of energies to 1e13, or of the floor), what is off the mean and divided at most 2.4 in size: three roundings of fp32. The
    // energies of noise are far from those that cancel, and in double their error is 2^-53 times some thousand.
    private static double Rounding => Tolerance.Chain(1, 32 / Fbank.Form.Divisor + 2 * 2.4);

    [Theory]
    [MemberData(nameof(Cases))]
    public void Operation_MatchesFloat64(string backend, string name) => OpCase.Check(s_cases, backend, name);

    [Fact]
    public void OnTheHost_FeaturesAreThoseOfTheFilterBank()
    {
        using ITensorOps ops = BackendData.Open("cpu");
        using TensorScope scope = ops.Scope();
        float[] samples = new Draw(3).Uniform([1000]);
        Assert.Equal(Fbank.Compute(samples), ops.Values(ops.LogMel(samples, Fbank.Form)));
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void SamplesThatAreNoSound_AreRefused(string backend)
    {
        using ITensorOps ops = BackendData.Open(backend);
        using TensorScope scope = ops.Scope();
        float[] samples = new Draw(1).Uniform([559]);
        Refuses("fbank: 399 samples; one frame needs 400 (25 ms at 16 kHz).", samples[..399]);
        samples[530] = float.NegativeInfinity;
        Refuses("fbank: sample 530 is -Infinity; samples are finite numbers in [-1, 1].", samples);
        samples[17] = float.NaN;
        Refuses("fbank: sample 17 is NaN; samples are finite numbers in [-1, 1].", samples);
        Assert.Equal(128, ops.Values(ops.LogMel(samples.AsSpan(18, 400), Fbank.Form)).Length);

        void Refuses(string message, float[] heard) => Assert.Equal(message, Assert.Throws<AudioFormatException>(() => ops.LogMel(heard, Fbank.Form)).Message);
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void FormsThatDoNotFit_AreRefused(string backend)
    {
        using ITensorOps ops = BackendData.Open(backend);
        using TensorScope scope = ops.Scope();
        Refuses("LogMel: frames of 25 samples, 33 apart, in a transform of 16; it is a power of two, at least 4 and no less than a frame.", new PlainForm { TransformSize = 16 });
        Refuses("LogMel: frames of 25 samples, 33 apart, in a transform of 48; it is a power of two, at least 4 and no less than a frame.", new PlainForm { TransformSize = 48 });
        Refuses("LogMel: a filter has 2 weights from bin 15; there are 16 bins.", new PlainForm { Filters = [new MelFilter(15, new double[2])] });
        Refuses("LogMel: 24 samples; one frame needs 25.", new PlainForm(), 24);

        void Refuses(string message, LogMelForm form, int samples = 25) => Assert.Equal(message, Assert.Throws<ShapeException>(() => ops.LogMel(new float[samples], form)).Message);
    }

    private static OpCase Noise(string name, LogMelForm form, int samples) => new(name, Rounding, (ops, draw) => ops.LogMel(draw.Uniform([samples]), form));

    // Seven filters of which one weighs nothing, in a small transform. The host's way is the reference.
    private sealed class PlainForm : LogMelForm
    {
        [System.Diagnostics.CodeAnalysis.SetsRequiredMembers]
        public PlainForm()
        {
            (FrameShift, TransformSize, Preemphasis, EnergyFloor, Mean, Divisor) = (33, 32, 0.5, 1e-6, 2, Fbank.Form.Divisor);
            Window = Enumerable.Range(1, 25).Select(n => 100 * Math.Sin(Math.PI * n / 26)).ToArray();
            Filters = [.. Enumerable.Range(0, 7).Select(b => new MelFilter(2 * b, b == 3 ? default : new double[] { 0.25, 1, 0.5 }))];
        }

        public override void Require(ReadOnlySpan<float> samples)
        {
        }

        public override float[] OnHost(ReadOnlySpan<float> samples)
        {
            using ReferenceOps reference = new();
            using TensorScope scope = reference.Scope();
            return reference.Values(reference.LogMel(samples, this));
        }
    }
}
