using AudioToken.Tensors;

namespace AudioToken.Bench.Cases;

/// <summary>A case on one set of inputs.</summary>
/// <param name="Run">Runs the operation once.</param>
/// <param name="Products">The products of a matrix with a weight that it is, where it is nothing else: a peer may have them too.</param>
internal sealed record CaseWork(Action Run, params CaseProduct[] Products);

/// <summary>A product of a matrix with a weight.</summary>
/// <param name="X">Its innermost extent is the depth.</param>
/// <param name="Weight">[N, depth], or a window of one pixel.</param>
/// <param name="Epilogue">What else happens to the sums.</param>
/// <param name="Run">Runs it with another epilogue; the innermost open scope owns the result.</param>
internal sealed record CaseProduct(Tensor X, Weight Weight, Epilogue Epilogue, Func<Epilogue, Tensor> Run);
